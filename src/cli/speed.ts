// `bench`: speed of the original and of a plan, in turn, from the bytes that an export would write;
// JSON, with a few lines on standard error.

import { PAPER_PROTOCOL, QUICK_PROTOCOL, type Stat, statOf } from '../analysis/speed.ts';
import type { UsedDevice } from '../contract/device.ts';
import type { MeasureResult, SpeedSettings, VariantMeasure, Which } from '../contract/speed.ts';
import { type ErrorReport, EspalierError } from '../errors.ts';
import {
  quantisationOf,
  type StepChoice,
  type StepRecord,
  stepRecords,
} from '../model/export/steps.ts';
import { quantisationInWords } from '../model/quantise/quantisationWords.ts';
import { measureVariants } from '../speed/measure.ts';
import type { Unit } from '../units.ts';
import { UsageError } from './args.ts';
import { defineCommand } from './command.ts';
import { noteDevice } from './device.ts';
import { checkPlan, openForCommand, openVariants, withFolder } from './open.ts';
import type { Options, Values } from './options.ts';
import { checkJsonTarget, megabytes, note, showProgress, statusDone, writeJson } from './output.ts';
import { COMMON_OPTIONS, FOLDER, PLAN_OPTIONS, RUN_OPTIONS } from './sharedOptions.ts';
import { PRECISIONS, roundedSteps, STEP_OPTIONS } from './steps.ts';

const OPTIONS = {
  ...PLAN_OPTIONS,
  dtype: {
    ...STEP_OPTIONS.dtype,
    help:
      `precision of the export: ${PRECISIONS.join(', ')}; few bits are rounded to the nearest; ` +
      'by default keep, that of the original',
  },
  prompt: { type: 'text', value: 'text', help: 'prompt, in place of --prompt-tokens' },
  'prompt-tokens': {
    type: 'whole',
    min: 1,
    default: PAPER_PROTOCOL.promptTokens,
    value: 'n',
    help: 'length of the prompt where none is given',
  },
  tokens: {
    type: 'whole',
    min: 1,
    default: PAPER_PROTOCOL.tokens,
    value: 'n',
    help: 'new tokens of a run',
  },
  warmup: {
    type: 'whole',
    min: 0,
    default: PAPER_PROTOCOL.warmup,
    value: 'n',
    help: 'runs before the timed ones',
  },
  runs: { type: 'whole', min: 1, default: PAPER_PROTOCOL.runs, value: 'n', help: 'timed runs' },
  batch: {
    type: 'whole',
    min: 1,
    default: PAPER_PROTOCOL.batch,
    value: 'n',
    help: 'sequences of a run',
  },
  'graph-capture': { type: 'flag', help: 'try graph capture on WebGPU' },
  ...RUN_OPTIONS,
  ...COMMON_OPTIONS,
} as const satisfies Options;

export const bench = defineCommand({
  summary: 'measure the speed of the original and, with --remove or --dtype, of an export in turn',
  about:
    'The pruned model is what prune would write. The defaults are the protocol of the paper ' +
    '(Kim et al., Shortened LLaMA, section 4).',
  argument: FOLDER,
  options: OPTIONS,
  examples: [
    'public/sample --model onnx/model.onnx --remove 7,9 --tokens 32 --warmup 2 --runs 5',
    'public/sample --model onnx/model.onnx --remove 7,9 --batch 4 --json speed.json',
  ],
  run,
});

/**
 * Speeds in tokens/s, times in s, each over the timed runs; `decode` is null for one new token,
 * `bytes` is device memory.
 */
interface BenchVariant {
  throughput: Stat;
  latency: Stat;
  ttft: Stat;
  prefill: Stat;
  decode: Stat | null;
  load: Stat;
  bytes: number;
}

/**
 * What `bench` writes. `pruned` and `gain` are null without --remove and --dtype; `errors` is there
 * when a variant failed.
 */
export interface BenchReport {
  original: BenchVariant | null;
  pruned: BenchVariant | null;
  /** Mean throughput of the pruned model over that of the original. */
  gain: number | null;
  /** Its 95 % bootstrap interval, and whether that holds 1. */
  gainCi95: [number, number] | null;
  gainIsNoise: boolean | null;
  settings: SpeedSettings & {
    graph: string;
    removed: Unit[];
    /** Of the pruned variant, where there are any. */
    steps?: StepRecord[];
    promptIds: number[];
    interleaved: MeasureResult['interleaved'];
  };
  device: UsedDevice & { runtime: string };
  errors?: { readonly [W in Which]?: ErrorReport };
}

async function run(
  path: string,
  values: Values<typeof OPTIONS>,
  given: ReadonlySet<string>,
): Promise<number> {
  if (given.has('prompt') && given.has('prompt-tokens'))
    throw new UsageError(
      'Give --prompt or --prompt-tokens, not both: a given prompt sets its own length.',
    );
  const asked = {
    prompt: values.prompt ?? null,
    promptTokens: values['prompt-tokens'],
    tokens: values.tokens,
    warmup: values.warmup,
    runs: values.runs,
    batch: values.batch,
  };
  const graphCapture = values['graph-capture'];
  const settings: SpeedSettings = {
    ...PAPER_PROTOCOL,
    ...asked,
    mode: modeOf(asked),
    graphCapture,
  };
  const removed = values.remove;
  checkJsonTarget(values.json);
  return withFolder(path, async (folder) => {
    const opened = await openForCommand(folder, values.model);
    checkPlan(opened, removed);
    const steps = roundedSteps(opened, removed, values.dtype);
    const result = await measureVariants(
      { removed, steps, settings },
      await openVariants(opened, values, graphCapture),
      {
        signal: new AbortController().signal,
        onEvent: (event) => event.type === 'progress' && showProgress(event.progress),
        together: true,
      },
    );
    statusDone();
    const report = reportOf(result, opened.graphPath, removed, steps);
    writeJson(values.json, report);
    summarise(result);
    const few = quantisationOf(steps);
    if (few && result.pruned) note(`pruned: ${quantisationInWords(few.quantisation, few.dtype)}`);
    noteDevice(report.device.name, report.device.runtime);
    return report.errors ? 1 : 0;
  });
}

function modeOf(
  asked: Omit<SpeedSettings, 'mode' | 'sampling' | 'graphCapture'>,
): SpeedSettings['mode'] {
  const is = (protocol: typeof PAPER_PROTOCOL | typeof QUICK_PROTOCOL): boolean =>
    (['prompt', 'promptTokens', 'tokens', 'warmup', 'runs', 'batch'] as const).every(
      (key) => asked[key] === protocol[key],
    );
  if (is(PAPER_PROTOCOL)) return 'paper';
  return is(QUICK_PROTOCOL) ? 'quick' : 'custom';
}

function reportOf(
  result: MeasureResult,
  graph: string,
  removed: Unit[],
  steps: readonly StepChoice[],
): BenchReport {
  const { original, pruned, gain, errors, settings, promptIds, interleaved } = result;
  const any = original ?? pruned;
  if (!any) throw new EspalierError('bug', 'Neither variant has numbers, and neither failed.');
  return {
    original: variantOf(original),
    pruned: variantOf(pruned),
    gain: gain?.ratio ?? null,
    gainCi95: gain?.ci95 ?? null,
    gainIsNoise: gain?.noise ?? null,
    settings: { ...settings, graph, removed, ...stepRecords(steps), promptIds, interleaved },
    device: { ...any.info.device, runtime: any.info.runtime },
    ...(errors.original || errors.pruned ? { errors } : {}),
  };
}

function variantOf(measure: VariantMeasure | null): BenchVariant | null {
  if (!measure) return null;
  const { throughput, latency, ttft, prefill, decode } = measure.speed;
  return {
    throughput,
    latency,
    ttft,
    prefill,
    decode,
    load: statOf(measure.loads, 's'),
    bytes: measure.deviceBytes,
  };
}

function summarise({ original, pruned, gain, errors, notes }: MeasureResult): void {
  for (const [name, measure] of Object.entries({ original, pruned })) {
    if (!measure) continue;
    const { info, speed, deviceBytes } = measure;
    const { throughput, ttft, decode, runs } = speed;
    const spread =
      `${throughput.min.toFixed(1)} to ${throughput.max.toFixed(1)} in ${runs} ` +
      `${runs === 1 ? 'run' : 'runs'}`;
    note(
      `${name}: ${info.numBlocks} blocks, ${throughput.mean.toFixed(1)} tokens/s (${spread}), ` +
        `first token after ${(ttft.mean * 1000).toFixed(1)} ms, ` +
        `${decode ? `decode ${decode.mean.toFixed(1)} tokens/s, ` : ''}` +
        `${megabytes(deviceBytes)} of device memory on ${info.device.name}, ` +
        `${info.cache} cache`,
    );
    for (const text of info.notes) note(`${name}: ${text}`);
  }
  for (const text of notes) note(text);
  if (gain) {
    const [low, high] = gain.ci95.map((x) => x.toFixed(2));
    note(
      `gain: ${gain.ratio.toFixed(2)} x (${low} to ` +
        `${high})${gain.noise ? ', within the noise of the runs' : ''}`,
    );
  }
  for (const [name, error] of Object.entries(errors))
    if (error) note(`${name} failed: ${error.message} ${error.hint}`);
}
