// `eval`: perplexity of the original and of a plan on a text of your own; JSON, with the numbers in
// words on standard error.

import { hasNumbers, pplWords } from '../analysis/perplexity.ts';
import type { EvaluatedSide, EvaluateEvent, EvaluateResult } from '../contract/evaluate.ts';
import type { ScoreResult } from '../contract/score.ts';
import { runtimeOf } from '../runtime/device/ort.ts';
import { evaluationText } from '../runtime/evaluate/text.ts';
import { folderTokenizer } from '../runtime/score/calibration.ts';
import { formatUnits } from '../units.ts';
import { defineCommand } from './command.ts';
import { noteDevice } from './device.ts';
import { checkPlan, openForCommand, openSession, withFolder } from './open.ts';
import type { Options, Values } from './options.ts';
import { checkJsonTarget, note, showProgress, statusDone, writeJson } from './output.ts';
import {
  BOS_OPTIONS,
  BUDGET_OPTIONS,
  COMMON_OPTIONS,
  FOLDER,
  PLAN_OPTIONS,
  RUN_OPTIONS,
} from './sharedOptions.ts';
import { readTextFile } from './texts.ts';

const OPTIONS = {
  text: { type: 'text', value: 'file', required: true, help: 'plain text to evaluate on' },
  segment: { type: 'whole', min: 2, default: 128, value: 'tokens', help: 'length of a segment' },
  stride: {
    type: 'whole',
    min: 1,
    value: 'tokens',
    help: 'distance of segments that overlap; without it they do not',
  },
  'max-segments': {
    type: 'whole',
    min: 1,
    value: 'n',
    help: 'evaluate at most this many segments; by default all',
  },
  ...BOS_OPTIONS,
  ...PLAN_OPTIONS,
  ...RUN_OPTIONS,
  ...BUDGET_OPTIONS,
  ...COMMON_OPTIONS,
} as const satisfies Options;

export const evaluate = defineCommand({
  summary: 'measure the perplexity of the original, and of a plan, on a text of your own',
  about:
    'With --remove also how often original and pruned find the same token most likely, and their ' +
    'KL divergence. Use a text that the blocks were not scored on.',
  argument: FOLDER,
  options: OPTIONS,
  examples: [
    'public/sample --model onnx/model.onnx --text public/text/evaluation.txt --max-segments 20',
    'public/sample --model onnx/model.onnx --text public/text/evaluation.txt --remove 7,9.attn',
  ],
  run,
});

/** What `eval` writes: what the page's evaluation gives. */
export type EvalReport = EvaluateResult &
  Pick<ScoreResult, 'selfTest' | 'rewrites'> & { runtime: string };

async function run(path: string, values: Values<typeof OPTIONS>): Promise<number> {
  const wanted = {
    segment: values.segment,
    stride: values.stride ?? null,
    maxSegments: values['max-segments'] ?? null,
    bos: values.bos ?? null,
  };
  const removed = values.remove;
  const source = readTextFile(values.text);

  checkJsonTarget(values.json);
  return withFolder(path, async (folder) => {
    const opened = await openForCommand(folder, values.model);
    checkPlan(opened, removed);
    const text = await evaluationText(
      source,
      wanted,
      opened.summary,
      () => folderTokenizer(opened.root.folder, opened.summary.problems),
      null,
    );
    const { session, engine, selfTest, notes } = await openSession(opened, values);
    for (const line of notes) note(line);
    await session.setBudget(values.budget);
    const onEvent = (event: EvaluateEvent): void => {
      if (event.type === 'progress') showProgress(event.progress);
    };
    const result = await session.evaluate(text, removed, undefined, onEvent);
    const { rewrites } = session.programs;
    const runtime = runtimeOf(engine);
    const report: EvalReport = { ...result, selfTest, rewrites: [...rewrites], runtime };
    statusDone();
    writeJson(values.json, report);
    for (const line of linesOf(report)) note(line);
    noteDevice(engine.name, runtime);
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
  const lines = [
    ...warnings,
    `${text.name}, ${windows}, on ${device.name}`,
    `original: PPL ${hasNumbers(original) ? inWords(original) : 'is not a number'}`,
  ];
  if (plan) {
    lines.push(`without ${formatUnits(removed)}: PPL ${inWords(plan)}`);
    if (top1Agreement !== null && klDivergence !== null)
      lines.push(
        `most likely token agrees at ${(top1Agreement * 100).toFixed(1)} % of positions, ` +
          `KL divergence ${klDivergence.toPrecision(3)} nats`,
      );
  }
  return lines;
}

/** With the 95 % interval over segments. */
function inWords({ ppl, ci95 }: EvaluatedSide): string {
  const words = pplWords(ppl, 5);
  if (ppl === null) return words;
  const [low, high] = ci95.map((nll) => Math.exp(nll).toPrecision(4));
  return `${words} (${low} to ${high})`;
}
