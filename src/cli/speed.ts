// `bench`: speed of a model, and of a plan beside it, from the bytes that export would write; as
// JSON and a few lines.

import { PAPER_PROTOCOL, QUICK_PROTOCOL, type Stat, statOf } from '../analysis/speed.ts';
import type { DeviceKind } from '../contract/device.ts';
import type { MeasureResult, SpeedSettings, VariantMeasure, Which } from '../contract/speed.ts';
import { type ErrorReport, EspalierError } from '../errors.ts';
import { type StepChoice, stepRecords } from '../model/export/steps.ts';
import { measureVariants } from '../speed/measure.ts';
import type { Unit } from '../units.ts';
import { oneOf, parseCommand, parseRemove, UsageError, wholeNumber } from './args.ts';
import { checkPlan, openForCommand, openVariants, withFolder } from './open.ts';
import { checkJsonTarget, note, showProgress, statusDone, writeJson } from './output.ts';
import { checkSteps, parseSteps } from './steps.ts';

const OPTIONS = {
  remove: { type: 'string' },
  dtype: { type: 'string' },
  prompt: { type: 'string' },
  'prompt-tokens': { type: 'string' },
  tokens: { type: 'string' },
  warmup: { type: 'string' },
  runs: { type: 'string' },
  batch: { type: 'string' },
  'graph-capture': { type: 'boolean' },
  device: { type: 'string' },
  model: { type: 'string' },
  json: { type: 'string' },
} as const;

/**
 * Speeds in tokens/s, times in s, each over the timed runs; `decode` is null for one new token,
 * `bytes` are those held on the device.
 */
export interface BenchVariant {
  throughput: Stat;
  latency: Stat;
  ttft: Stat;
  prefill: Stat;
  decode: Stat | null;
  load: Stat;
  bytes: number;
}

/**
 * What `bench` writes. `pruned` and `gain` are null without --remove and --dtype; `errors` is there when a
 * variant failed.
 */
export interface BenchReport {
  original: BenchVariant | null;
  pruned: BenchVariant | null;
  /** Mean throughput of the pruned over that of the original. */
  gain: number | null;
  /** Its 95 % bootstrap interval, and whether that holds 1. */
  gainCi95: [number, number] | null;
  gainIsNoise: boolean | null;
  settings: SpeedSettings & {
    graph: string;
    removed: Unit[];
    /** Of the pruned variant, where there are any. */
    steps?: StepChoice[];
    promptIds: number[];
    interleaved: MeasureResult['interleaved'];
  };
  device: { kind: DeviceKind; name: string; runtime: string };
  errors?: { readonly [W in Which]?: ErrorReport };
}

export async function bench(words: string[]): Promise<number> {
  const { folder: path, values } = parseCommand(words, OPTIONS);
  if (values.prompt !== undefined && values['prompt-tokens'] !== undefined)
    throw new UsageError(
      'Give --prompt or --prompt-tokens, not both: a given prompt sets its own length.',
    );
  const asked = {
    prompt: values.prompt ?? null,
    promptTokens: wholeNumber(
      values['prompt-tokens'],
      'prompt-tokens',
      PAPER_PROTOCOL.promptTokens,
    ),
    tokens: wholeNumber(values.tokens, 'tokens', PAPER_PROTOCOL.tokens),
    warmup: wholeNumber(values.warmup, 'warmup', PAPER_PROTOCOL.warmup, 0),
    runs: wholeNumber(values.runs, 'runs', PAPER_PROTOCOL.runs),
    batch: wholeNumber(values.batch, 'batch', PAPER_PROTOCOL.batch),
  };
  const graphCapture = values['graph-capture'] ?? false;
  const settings: SpeedSettings = {
    ...PAPER_PROTOCOL,
    ...asked,
    mode: modeOf(asked),
    graphCapture,
  };
  const device = oneOf(values.device, 'device', ['wasm', 'webgpu']) ?? 'wasm';
  const removed = parseRemove(values.remove);
  const steps = parseSteps(values.dtype);
  checkJsonTarget(values.json);
  return withFolder(path, async (folder) => {
    const opened = await openForCommand(folder, values.model);
    checkPlan(opened, removed);
    checkSteps(opened, steps);
    const result = await measureVariants(
      { removed, steps, settings },
      await openVariants(opened, device, graphCapture),
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
        `first token after ${(ttft.mean * 1000).toFixed(1)} ms, ${decode ? `decode ${decode.mean.toFixed(1)} tokens/s, ` : ''}` +
        `${(deviceBytes / 1e6).toFixed(1)} MB on ${info.device.name}, ${info.cache} cache`,
    );
    for (const text of info.notes) note(`${name}: ${text}`);
  }
  for (const text of notes) note(text);
  if (gain) {
    const [low, high] = gain.ci95.map((x) => x.toFixed(2));
    note(
      `gain: ${gain.ratio.toFixed(2)} x (${low} to ` +
        `${high})${gain.noise ? ': the runs spread more than the two differ' : ''}`,
    );
  }
  for (const [name, error] of Object.entries(errors))
    if (error) note(`${name} failed: ${error.message} ${error.hint}`);
}
