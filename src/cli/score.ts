// `score`: scores every block, or one sublayer of each, by one criterion, and the perplexity of a
// plan; JSON, with the order in words on standard error.

import { isOnWindows } from '../analysis/criterion.ts';
import type { PlanResult } from '../contract/plan.ts';
import type {
  ScoreEvent,
  ScoreResult,
  SublayersEvent,
  SublayersResult,
} from '../contract/score.ts';
import { EspalierError } from '../errors.ts';
import { runtimeOf } from '../runtime/device/ort.ts';
import { taylorMemory } from '../runtime/gradients/taylor.ts';
import { calibrate, folderTokenizer } from '../runtime/score/calibration.ts';
import type { SublayersCurve } from '../runtime/score/curve.ts';
import { type Sublayer, sublayerOf } from '../units.ts';
import { UsageError } from './args.ts';
import { defineCommand } from './command.ts';
import {
  CONTIGUOUS_OPTION,
  CRITERION_OPTIONS,
  criterionLines,
  curveLines,
  OF_SUBLAYERS,
  OF_WEIGHTS,
  readCriterion,
  SUBLAYERS,
  scoreByCriterion,
  sublayersLines,
} from './criteria.ts';
import { noteDevice } from './device.ts';
import { checkPlan, openForCommand, openSession, withFolder } from './open.ts';
import type { Options, Values } from './options.ts';
import { checkJsonTarget, megabytes, note, showProgress, statusDone, writeJson } from './output.ts';
import {
  BUDGET_OPTIONS,
  CALIBRATION_OPTIONS,
  COMMON_OPTIONS,
  FOLDER,
  PLAN_OPTIONS,
  RUN_OPTIONS,
} from './sharedOptions.ts';
import { readCalibration, samplingOf } from './texts.ts';

const OPTIONS = {
  ...CRITERION_OPTIONS,
  unit: {
    type: 'choice',
    value: 'name',
    choices: ['block', 'attention', 'ffn'],
    default: 'block',
    help: `what to score: whole blocks, or one sublayer of each by ${OF_SUBLAYERS}`,
  },
  ...CONTIGUOUS_OPTION,
  ...CALIBRATION_OPTIONS,
  ...PLAN_OPTIONS,
  ...RUN_OPTIONS,
  ...BUDGET_OPTIONS,
  ...COMMON_OPTIONS,
} as const satisfies Options;

export const score = defineCommand({
  summary: 'score every block, or one sublayer of each, by a criterion: perplexity or another',
  about:
    'By ppl: the perplexity of the original and without each block, on calibration windows, and ' +
    'with --remove also the perplexity of that plan. Give --text or --windows, except for ' +
    `${OF_WEIGHTS}: they read the weights and run nothing.`,
  argument: FOLDER,
  options: OPTIONS,
  examples: [
    'public/sample --model onnx/model.onnx --text public/text/calibration.txt --json scores.json',
    'public/sample --model onnx/model.onnx --criterion mag-l1 --json -',
    'public/sample --model onnx/model.onnx --text public/text/calibration.txt --unit attention',
  ],
  run,
});

/** What `score` writes: what the page's Score gives, and the plan where --remove names one. */
export type ScoreReport = ScoreResult & { plan?: PlanResult; runtime: string };

/** Windows, settings and device of a criterion that runs the model. */
type Ran = Pick<ScoreResult, 'windows' | 'settings' | 'device' | 'selfTest' | 'rewrites'> & {
  runtime: string;
};

/** What `score` writes for one sublayer of each block. */
export type SublayersReport = SublayersResult & Ran & { unit: Sublayer };

async function run(
  path: string,
  values: Values<typeof OPTIONS>,
  given: ReadonlySet<string>,
): Promise<number> {
  const { unit, remove: removed } = values;
  const { criterion, options } = readCriterion(values, given);
  const ofCurve = criterion.needs === 'curve';
  if (unit !== 'block' && !ofCurve && !criterion.sublayerScores)
    throw new UsageError(
      `--unit needs --criterion ${OF_SUBLAYERS}; other criteria score whole blocks.`,
    );
  if (removed.length > 0 && (!ofCurve || unit !== 'block'))
    throw new UsageError(
      '--remove measures a plan beside the curve of blocks: leave out --criterion and --unit.',
    );
  const wanted = samplingOf(values);
  const source = isOnWindows(criterion) ? readCalibration(values) : null;

  checkJsonTarget(values.json);
  return withFolder(path, async (folder) => {
    const opened = await openForCommand(folder, values.model);
    checkPlan(opened, removed);
    const started = performance.now();
    const seconds = (): number => (performance.now() - started) / 1000;
    if (!source) {
      const onWindows = async () => {
        throw new EspalierError('bug', `${criterion.name} asked for windows it does not need.`);
      };
      const found = await scoreByCriterion(criterion, options, unit, { opened, onWindows });
      const report = { ...found, seconds: seconds() };
      finish(values.json, report, criterionLines(report));
      return 0;
    }
    if (options.span > opened.summary.numBlocks)
      throw new EspalierError(
        'bad-input',
        `There are no ${options.span} contiguous blocks; the model has ` +
          `${opened.summary.numBlocks}.`,
        'Choose fewer with --contiguous.',
      );
    const { windows, settings, notes, warnings } = await calibrate(
      source,
      wanted,
      () => folderTokenizer(opened.root.folder, opened.summary.problems),
      opened.summary,
    );
    const { session, engine, selfTest, notes: routeNotes } = await openSession(opened, values);
    for (const text of [...routeNotes, ...notes]) note(text);
    await session.setBudget(values.budget);
    const memory =
      criterion.needs === 'taylor'
        ? taylorMemory({ ...session.model, structure: opened.structure, windows })
        : session.memory(windows.length, Math.max(...windows.map((window) => window.length)));
    // What cannot run says so itself.
    if (memory.streaming && memory.obstacle === undefined)
      note(
        `Weights are streamed: ${megabytes(memory.bytesRead ?? 0)} are read, at most ` +
          `${megabytes(memory.total)} are in memory at once.`,
      );
    const { rewrites } = session.programs;
    const ran: Ran = {
      windows,
      settings,
      device: { kind: engine.kind, name: engine.name },
      runtime: runtimeOf(engine),
      selfTest,
      rewrites: [...rewrites],
    };
    const onEvent = (event: ScoreEvent | SublayersEvent): void => {
      if (event.type === 'progress') showProgress(event.progress);
    };
    if (!ofCurve) {
      const onWindows = async () => ({ session, windows });
      const found = await scoreByCriterion(criterion, options, unit, { opened, onWindows });
      const report = { ...doubted(found, warnings), ...ran, seconds: seconds() };
      finish(values.json, report, criterionLines(report));
    } else if (unit !== 'block') {
      const report = sublayersOf(
        doubted(await session.scoreSublayers(windows, undefined, onEvent), warnings),
        SUBLAYERS[unit],
        ran,
        seconds(),
      );
      finish(values.json, report, sublayersLines(report));
    } else {
      const curve = await session.score(windows, undefined, onEvent);
      const plan = removed.length > 0 ? { removed, ...(await session.plan(removed)) } : null;
      const report: ScoreReport = {
        ...doubted(curve, warnings),
        ...(plan ? { plan } : {}),
        ...ran,
        seconds: seconds(),
      };
      finish(values.json, report, curveLines(report));
    }
    noteDevice(engine.name, runtimeOf(engine));
    await session.dispose();
    await engine.dispose();
    return 0;
  });
}

/** A result with warnings about its text after its own. */
function doubted<T extends { warnings?: string[] }>(found: T, warnings: readonly string[]): T {
  return warnings.length === 0
    ? found
    : { ...found, warnings: [...(found.warnings ?? []), ...warnings] };
}

function finish(target: string | undefined, report: unknown, lines: readonly string[]): void {
  statusDone();
  writeJson(target, report);
  for (const line of lines) note(line);
}

/** One sublayer of each block; both are scored together. */
function sublayersOf(
  curve: SublayersCurve,
  unit: Sublayer,
  ran: Ran,
  seconds: number,
): SublayersReport {
  const parts = curve.parts.filter((scored) => sublayerOf(scored.unit) === unit);
  const order = curve.order.filter((one) => sublayerOf(one) === unit);
  return { unit, ...curve, parts, order, ...ran, seconds };
}
