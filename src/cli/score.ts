// `score`: perplexity of a model and of leaving out each block, and of a plan, as JSON.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { EspalierError } from '../errors.ts';
import { type CalibrationText, calibrate, folderTokenizer } from '../runtime/calibration.ts';
import type { PlanResult, ScoreResult } from '../worker/api.ts';
import { oneOf, parseCommand, parseRemove, UsageError, wholeNumber } from './args.ts';
import { checkPlan, openForCommand, openSession, withFolder } from './open.ts';
import { checkJsonTarget, note, showProgress, statusDone, writeJson } from './output.ts';

const OPTIONS = {
  text: { type: 'string' },
  windows: { type: 'string' },
  samples: { type: 'string' },
  length: { type: 'string' },
  sampler: { type: 'string' },
  seed: { type: 'string' },
  bos: { type: 'string' },
  remove: { type: 'string' },
  device: { type: 'string' },
  budget: { type: 'string' },
  model: { type: 'string' },
  json: { type: 'string' },
} as const;

/** What `score` writes: the result of the page's Score, and the plan when blocks are named. */
export type ScoreReport = ScoreResult & { plan?: PlanResult };

export async function score(words: string[]): Promise<number> {
  const { folder: path, values } = parseCommand(words, OPTIONS);
  if ((values.text === undefined) === (values.windows === undefined))
    throw new UsageError('Give either --text <file> or --windows <json>.');
  const wanted = {
    samples: wholeNumber(values.samples, 'samples', 10),
    length: wholeNumber(values.length, 'length', 128, 2),
    sampler: oneOf(values.sampler, 'sampler', ['even', 'random']) ?? 'even',
    seed: wholeNumber(values.seed, 'seed', 0, 0),
    bos: oneOf(values.bos, 'bos', ['none', 'every']),
  };
  const device = oneOf(values.device, 'device', ['wasm', 'webgpu']) ?? 'wasm';
  const budget = values.budget === undefined ? undefined : wholeNumber(values.budget, 'budget', 1) * 1e6;
  const removed = parseRemove(values.remove);
  const source = readCalibration(values.text, values.windows);

  checkJsonTarget(values.json);
  return withFolder(path, async (folder) => {
    const opened = await openForCommand(folder, values.model);
    checkPlan(opened, removed);
    const started = performance.now();
    const { windows, settings, notes } = await calibrate(source, wanted, () => folderTokenizer(folder), opened.summary.vocabSize);
    const { session, engine, selfTest, notes: routeNotes } = await openSession(opened, device);
    for (const text of [...routeNotes, ...notes]) note(text);
    await session.setBudget(budget);
    const memory = session.memory(windows.length, Math.max(...windows.map((window) => window.length)));
    if (memory.streaming) note(`Weights are streamed: ${megabytes(memory.bytesRead)} are read, ${megabytes(memory.total)} held at once.`);
    const curve = await session.score(windows, undefined, (event) => event.type === 'progress' && showProgress(event.progress));
    const plan = removed.length > 0 ? { removed, ...(await session.plan(removed)) } : null;
    statusDone();
    const report: ScoreReport = {
      ...curve,
      ...(plan ? { plan } : {}),
      windows,
      settings,
      device: { kind: engine.kind, name: engine.name },
      selfTest,
      rewrites: [...session.programs.rewrites],
      seconds: (performance.now() - started) / 1000,
    };
    writeJson(values.json, report);
    await session.dispose();
    await engine.dispose();
    return 0;
  });
}

function megabytes(bytes = 0): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function readCalibration(text: string | undefined, windows: string | undefined): CalibrationText {
  const path = (text ?? windows) as string;
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    throw new EspalierError('missing-file', `${path} cannot be read.`, 'Name a readable file.', String(error));
  }
  if (text !== undefined) return { name: basename(path), text: content };
  try {
    const json = JSON.parse(content) as unknown;
    const rows = Array.isArray(json) ? json : (json as { windows?: unknown } | null)?.windows;
    return { name: basename(path), windows: rows };
  } catch (error) {
    throw new EspalierError('bad-input', `${path} is not JSON.`, 'Give windows as [[1, 2, 3], [4, 5, 6]].', String(error));
  }
}
