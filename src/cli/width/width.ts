// `width`: what is left of a model with fewer key-value groups and channels, beside one with fewer
// blocks; JSON, with the numbers in words on standard error.

import type {
  WidthEvent,
  WidthOutcome,
  WidthRequest,
  WidthResult,
} from '../../contract/comparison/width.ts';
import type { PlannedExport } from '../../contract/speed.ts';
import { EspalierError } from '../../errors.ts';
import { widthExportObstacle } from '../../model/export/narrowed.ts';
import type { StepChoice } from '../../model/export/steps.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { weightsOf } from '../../model/open/size.ts';
import { writtenPlan } from '../../model/width/written.ts';
import { requireFree } from '../../node/writeFolder.ts';
import { runtimeOf } from '../../runtime/device/ort.ts';
import { calibrate, folderTokenizer } from '../../runtime/score/calibration.ts';
import type { ScoreSession } from '../../runtime/score/session.ts';
import { measureWidth } from '../../runtime/width/width.ts';
import { compareSpeeds } from '../../speed/compare.ts';
import { defineCommand } from '../command.ts';
import { noteDevice } from '../device.ts';
import { concluded, type Written, writeExport } from '../export/write.ts';
import { untilInterrupted } from '../interrupt.ts';
import { checkPlan, openForCommand, openSession, openVariants, withFolder } from '../open.ts';
import type { Options, Values } from '../options.ts';
import { checkJsonTarget, note, showProgress, statusDone, writeJson } from '../output.ts';
import {
  BUDGET_OPTIONS,
  CALIBRATION_OPTIONS,
  COMMON_OPTIONS,
  FOLDER,
  RUN_OPTIONS,
} from '../sharedOptions.ts';
import { bundledCalibration, readCalibration, samplingOf } from '../texts.ts';
import { type DepthMeasure, measureDepth } from './depth.ts';
import {
  amountOf,
  batchesOf,
  checkWidthOptions,
  speedSettingsOf,
  WIDTH_OPTIONS,
  WIDTH_SPEED_OPTIONS,
} from './options.ts';
import { linesOf, reportOf, speedsOf, type WidthSpeeds } from './report.ts';

const OPTIONS = {
  ...WIDTH_OPTIONS,
  out: {
    type: 'text',
    value: 'dir',
    help: 'write the narrower model into this folder, new or empty, and verify it',
  },
  ...WIDTH_SPEED_OPTIONS,
  ...CALIBRATION_OPTIONS,
  text: {
    ...CALIBRATION_OPTIONS.text,
    help: 'plain text to take calibration windows from; by default the one that comes with it',
  },
  ...RUN_OPTIONS,
  ...BUDGET_OPTIONS,
  ...COMMON_OPTIONS,
} as const satisfies Options;

type WidthCommandValues = Values<typeof OPTIONS>;

export const width = defineCommand({
  summary: 'make blocks narrower instead of fewer, and compare both at equal parameters',
  about:
    'Scores key-value groups and channels on calibration windows, takes out the lowest, and ' +
    'measures perplexity beside that of a depth plan of about as many weights: by --like, or the ' +
    'blocks that matter least by perplexity. With --speed also how fast both are.',
  argument: FOLDER,
  options: OPTIONS,
  examples: [
    'public/sample --model onnx/model.onnx --method wanda-sp --ratio 0.25 --text ' +
      'public/text/calibration.txt --json width.json',
    'public/sample --model onnx/model.onnx --method flap --like 7,8,9 --speed --text ' +
      'public/text/calibration.txt',
  ],
  run,
});

async function run(
  path: string,
  values: WidthCommandValues,
  given: ReadonlySet<string>,
): Promise<number> {
  checkWidthOptions(values, given);
  const batches = batchesOf(values);
  const bundled = values.text === undefined && values.windows === undefined;
  const source = bundled ? bundledCalibration() : readCalibration(values);
  checkJsonTarget(values.json);
  return withFolder(path, async (folder) => {
    const opened = await openForCommand(folder, values.model);
    checkPlan(opened, values.like);
    if (values.out !== undefined) await requireFree(values.out);
    const started = performance.now();
    const { windows, settings, notes, warnings } = await calibrate(
      source,
      samplingOf(values),
      () => folderTokenizer(opened.root.folder, opened.summary.problems),
      opened.summary,
    );
    const { session, engine, notes: routeNotes } = await openSession(opened, values);
    for (const text of [...routeNotes, ...notes]) note(text);
    await session.setBudget(values.budget);
    await session.useWindows(windows);
    const runtime = runtimeOf(engine);
    try {
      const { amount, result, outcome, depth } = await untilInterrupted((signal) =>
        measure(opened, session, values, windows, signal),
      ).finally(() => session.dispose());
      const speeds = values.speed
        ? await untilInterrupted((signal) =>
            measureSpeeds(opened, values, batches, { depth, outcome }, signal),
          )
        : null;
      statusDone();
      const { out } = values;
      const obstacle = out === undefined ? null : widthExportObstacle(writtenPlan(outcome), opened);
      let failure: unknown = null;
      // What was measured is reported although it cannot be written.
      const written =
        out === undefined || obstacle
          ? null
          : await writeNarrow(opened, outcome, out, values).catch((error: unknown) => {
              failure = error;
              return null;
            });
      const report = reportOf({
        ...{ amount, multiple: values.multiple, flapVariance: values['flap-variance'] },
        ...{ result, outcome, depth, speeds, windows, settings, runtime, written },
        notes: [...warnings, ...(obstacle ? [`Nothing is written: ${obstacle}`] : [])],
        seconds: (performance.now() - started) / 1000,
      });
      writeJson(values.json, report);
      for (const line of linesOf(report)) note(line);
      noteDevice(engine.name, runtime);
      if (failure) throw failure;
      return obstacle ? 1 : concluded(written);
    } finally {
      statusDone();
      await engine.dispose().catch(() => {});
    }
  });
}

interface Measured {
  amount: WidthRequest['amount'];
  result: WidthResult;
  outcome: WidthOutcome;
  depth: DepthMeasure | null;
}

/** The narrower model, then the depth plan beside it. */
async function measure(
  opened: OpenedModel,
  session: ScoreSession,
  values: WidthCommandValues,
  windows: number[][],
  signal: AbortSignal,
): Promise<Measured> {
  const { method, multiple, like, 'flap-variance': flapVariance } = values;
  const amount = amountOf(values, like.length > 0 ? weightsOf(opened.summary, like) : null);
  const onEvent = (event: WidthEvent): void => {
    if (event.type === 'progress') showProgress(event.progress);
  };
  const request = { methods: [method], amount, multiple, flapVariance };
  const result = await measureWidth({ opened, session, request, windows, signal, onEvent });
  const [outcome] = result.outcomes;
  if (!outcome) throw new EspalierError('bug', `${method} came to nothing.`);
  if (values.alone) return { amount, result, outcome, depth: null };
  const goal = { like, weights: outcome.removedWeights };
  const depth = await measureDepth(opened, session, goal, windows, signal);
  if (!depth)
    note(`No block has as few as ${outcome.removedWeights} weights: there is no plan to compare.`);
  return { amount, result, outcome, depth };
}

function widthSteps(outcome: WidthOutcome): StepChoice[] {
  return [{ step: 'width', width: writtenPlan(outcome) }];
}

/** Original, depth and width in turn, from the bytes that exports of them would write. */
async function measureSpeeds(
  opened: OpenedModel,
  values: WidthCommandValues,
  batches: readonly number[],
  { depth, outcome }: Pick<Measured, 'depth' | 'outcome'>,
  signal: AbortSignal,
): Promise<WidthSpeeds> {
  const variants = new Map<string, PlannedExport>([['original', { removed: [] }]]);
  if (depth) variants.set('depth', { removed: depth.removed });
  variants.set('width', { removed: [], steps: widthSteps(outcome) });
  const settings = speedSettingsOf(values);
  const found = await compareSpeeds(
    { variants, settings, batches },
    await openVariants(opened, values),
    {
      signal,
      arranged: 'all',
      onEvent: (event) => event.type === 'progress' && showProgress(event.progress),
    },
  );
  return speedsOf(found, outcome.compensatedPlan !== null);
}

/** @throws EspalierError of the files */
function writeNarrow(
  opened: OpenedModel,
  outcome: WidthOutcome,
  out: string,
  values: WidthCommandValues,
): Promise<Written> {
  const steps = widthSteps(outcome);
  return writeExport({ opened, removed: [], steps, others: [], format: 'onnx', out }, values);
}
