// `eval`: perplexity of a model and of a plan on a text of its own, as JSON with the numbers in
// words beside it.

import type { EvaluatedSide, EvaluateEvent, EvaluateResult } from '../contract/evaluate.ts';
import type { ScoreResult } from '../contract/score.ts';
import { evaluationText } from '../runtime/evaluate/text.ts';
import { folderTokenizer } from '../runtime/score/calibration.ts';
import { formatUnits } from '../units.ts';
import { oneOf, parseCommand, parseRemove, UsageError, wholeNumber } from './args.ts';
import { checkPlan, openForCommand, openSession, withFolder } from './open.ts';
import { checkJsonTarget, note, showProgress, statusDone, writeJson } from './output.ts';
import { readTextFile } from './texts.ts';

const OPTIONS = {
  text: { type: 'string' },
  segment: { type: 'string' },
  stride: { type: 'string' },
  'max-segments': { type: 'string' },
  bos: { type: 'string' },
  remove: { type: 'string' },
  device: { type: 'string' },
  budget: { type: 'string' },
  model: { type: 'string' },
  json: { type: 'string' },
} as const;

/** What `eval` writes: the result of the page's evaluation. */
export type EvalReport = EvaluateResult & Pick<ScoreResult, 'selfTest' | 'rewrites'>;

export async function evaluate(words: string[]): Promise<number> {
  const { folder: path, values } = parseCommand(words, OPTIONS);
  if (values.text === undefined) throw new UsageError('Give --text <file>.');
  const whole = (text: string | undefined, option: string): number | null =>
    text === undefined ? null : wholeNumber(text, option, 1);
  const wanted = {
    segment: wholeNumber(values.segment, 'segment', 128, 2),
    stride: whole(values.stride, 'stride'),
    maxSegments: whole(values['max-segments'], 'max-segments'),
    bos: oneOf(values.bos, 'bos', ['none', 'every']),
  };
  const device = oneOf(values.device, 'device', ['wasm', 'webgpu']) ?? 'wasm';
  const budget =
    values.budget === undefined ? undefined : wholeNumber(values.budget, 'budget', 1) * 1e6;
  const removed = parseRemove(values.remove);
  const source = readTextFile(values.text);

  checkJsonTarget(values.json);
  return withFolder(path, async (folder) => {
    const opened = await openForCommand(folder, values.model);
    checkPlan(opened, removed);
    const text = await evaluationText(
      source,
      wanted,
      opened.summary,
      () => folderTokenizer(folder),
      null,
    );
    const { session, engine, selfTest, notes } = await openSession(opened, device);
    for (const line of notes) note(line);
    await session.setBudget(budget);
    const told = (event: EvaluateEvent): void => {
      if (event.type === 'progress') showProgress(event.progress);
    };
    const result = await session.evaluate(text, removed, undefined, told);
    const report: EvalReport = { ...result, selfTest, rewrites: [...session.programs.rewrites] };
    statusDone();
    writeJson(values.json, report);
    for (const line of linesOf(report)) note(line);
    await session.dispose();
    await engine.dispose();
    return 0;
  });
}

function linesOf(report: EvalReport): string[] {
  const {
    text,
    segment,
    stride,
    bos,
    segments,
    original,
    plan,
    removed,
    top1Agreement,
    klDivergence,
    device,
    warnings,
  } = report;
  const windows =
    `${segments} segments of ${segment} tokens${stride === null ? '' : `, stride ${stride}`}, ` +
    `BOS ${bos}`;
  const lines = [`${text.name}, ${windows}, on ${device.name}`, `PPL ${inWords(original)}`];
  if (plan) {
    lines.push(`PPL ${inWords(plan)} without ${formatUnits(removed)}`);
    lines.push(
      `same most likely token at ${((top1Agreement ?? 0) * 100).toFixed(1)} %, KL divergence ` +
        `${klDivergence?.toPrecision(3)} nats`,
    );
  }
  return [...lines, ...warnings];
}

/** With the 95 % interval over segments. */
function inWords({ ppl, ci95 }: EvaluatedSide): string {
  if (ppl === null) return 'off the scale';
  const [low, high] = ci95.map((nll) => Math.exp(nll).toPrecision(4));
  return `${ppl.toPrecision(5)} (${low} to ${high})`;
}
