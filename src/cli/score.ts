// `score`: every block, or part of a block, by one criterion, and perplexity of a plan, as JSON
// with the order in words beside it.

import type { PlanResult } from '../contract/plan.ts';
import type {
  ScoreEvent,
  ScoreResult,
  SublayersEvent,
  SublayersResult,
} from '../contract/score.ts';
import { EspalierError } from '../errors.ts';
import { calibrate, folderTokenizer } from '../runtime/score/calibration.ts';
import type { SublayersCurve } from '../runtime/score/curve.ts';
import { type Sublayer, sublayerOf } from '../units.ts';
import { oneOf, parseCommand, parseRemove, UsageError, wholeNumber } from './args.ts';
import {
  angularOf,
  criterionLines,
  curveLines,
  influenceOf,
  scoreMagnitude,
  sublayersLines,
} from './criteria.ts';
import { checkPlan, openForCommand, openSession, withFolder } from './open.ts';
import { checkJsonTarget, note, showProgress, statusDone, writeJson } from './output.ts';
import { CALIBRATION_OPTIONS, readCalibration, samplingOf } from './texts.ts';

const OPTIONS = {
  criterion: { type: 'string' },
  unit: { type: 'string' },
  norms: { type: 'boolean' },
  contiguous: { type: 'string' },
  ...CALIBRATION_OPTIONS,
  remove: { type: 'string' },
  device: { type: 'string' },
  budget: { type: 'string' },
  model: { type: 'string' },
  json: { type: 'string' },
} as const;

const CRITERIA = ['ppl', 'mag-l1', 'mag-l2', 'block-influence', 'angular'] as const;

/** What `score` writes: the result of the page's Score, and the plan when blocks are named. */
export type ScoreReport = ScoreResult & { plan?: PlanResult };

/** Windows, settings and device of a criterion that runs the model. */
type Ran = Pick<ScoreResult, 'windows' | 'settings' | 'device' | 'selfTest' | 'rewrites'>;

/** What `score` writes for the parts of one kind. */
export type SublayersReport = SublayersResult & Ran & { unit: Sublayer };

export async function score(words: string[]): Promise<number> {
  const { folder: path, values } = parseCommand(words, OPTIONS);
  const criterion = oneOf(values.criterion, 'criterion', CRITERIA) ?? 'ppl';
  const unit = oneOf(values.unit, 'unit', ['block', 'attention', 'ffn']) ?? 'block';
  const contiguous = wholeNumber(values.contiguous, 'contiguous', 1);
  const removed = parseRemove(values.remove);
  const magnitude = criterion === 'mag-l1' || criterion === 'mag-l2';
  if (values.norms && !magnitude)
    throw new UsageError('--norms goes with --criterion mag-l1 or mag-l2.');
  if (values.contiguous !== undefined && criterion !== 'angular')
    throw new UsageError('--contiguous goes with --criterion angular.');
  if (unit !== 'block' && criterion !== 'ppl')
    throw new UsageError('--unit goes with --criterion ppl; the others are of whole blocks.');
  if (removed.length > 0 && (criterion !== 'ppl' || unit !== 'block'))
    throw new UsageError(
      '--remove measures a plan beside the curve of blocks: leave out --criterion and --unit.',
    );
  const wanted = samplingOf(values);
  const device = oneOf(values.device, 'device', ['wasm', 'webgpu']) ?? 'wasm';
  const budget =
    values.budget === undefined ? undefined : wholeNumber(values.budget, 'budget', 1) * 1e6;
  const source = magnitude ? null : readCalibration(values);

  checkJsonTarget(values.json);
  return withFolder(path, async (folder) => {
    const opened = await openForCommand(folder, values.model);
    checkPlan(opened, removed);
    const started = performance.now();
    const seconds = (): number => (performance.now() - started) / 1000;
    if (!source) {
      const report = await scoreMagnitude(
        opened,
        criterion === 'mag-l1' ? 'l1' : 'l2',
        values.norms ?? false,
        seconds,
      );
      finish(values.json, report, criterionLines(report));
      return 0;
    }
    if (contiguous > opened.summary.numBlocks)
      throw new EspalierError(
        'bad-input',
        `There are no ${contiguous} contiguous blocks; the model has ${opened.summary.numBlocks}.`,
        'Choose fewer with --contiguous.',
      );
    const { windows, settings, notes } = await calibrate(
      source,
      wanted,
      () => folderTokenizer(folder),
      opened.summary,
    );
    const { session, engine, selfTest, notes: routeNotes } = await openSession(opened, device);
    for (const text of [...routeNotes, ...notes]) note(text);
    await session.setBudget(budget);
    const memory = session.memory(
      windows.length,
      Math.max(...windows.map((window) => window.length)),
    );
    if (memory.streaming)
      note(
        `Weights are streamed: ${megabytes(memory.bytesRead)} are read, ` +
          `${megabytes(memory.total)} held at once.`,
      );
    const { rewrites } = session.programs;
    const ran: Ran = {
      windows,
      settings,
      device: { kind: engine.kind, name: engine.name },
      selfTest,
      rewrites: [...rewrites],
    };
    const told = (event: ScoreEvent | SublayersEvent): void => {
      if (event.type === 'progress') showProgress(event.progress);
    };
    if (criterion === 'block-influence' || criterion === 'angular') {
      const hidden = await session.hiddenCriteria(windows, undefined, showProgress);
      const found =
        criterion === 'angular'
          ? angularOf(opened, hidden, contiguous)
          : influenceOf(opened, hidden);
      const report = { ...found, ...ran, seconds: seconds() };
      finish(values.json, report, criterionLines(report));
    } else if (unit !== 'block') {
      const report = sublayersOf(
        await session.scoreSublayers(windows, undefined, told),
        unit === 'attention' ? 'attn' : 'ffn',
        ran,
        seconds(),
      );
      finish(values.json, report, sublayersLines(report));
    } else {
      const curve = await session.score(windows, undefined, told);
      const plan = removed.length > 0 ? { removed, ...(await session.plan(removed)) } : null;
      const report: ScoreReport = {
        ...curve,
        ...(plan ? { plan } : {}),
        ...ran,
        seconds: seconds(),
      };
      finish(values.json, report, curveLines(report));
    }
    await session.dispose();
    await engine.dispose();
    return 0;
  });
}

function finish(target: string | undefined, report: unknown, lines: readonly string[]): void {
  statusDone();
  writeJson(target, report);
  for (const line of lines) note(line);
}

/** The parts of one kind; both kinds are scored together. */
function sublayersOf(
  curve: SublayersCurve,
  unit: Sublayer,
  ran: Ran,
  seconds: number,
): SublayersReport {
  const parts = curve.parts.filter((part) => sublayerOf(part.unit) === unit);
  const order = curve.order.filter((one) => sublayerOf(one) === unit);
  return { unit, ...curve, parts, order, ...ran, seconds };
}

function megabytes(bytes = 0): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
