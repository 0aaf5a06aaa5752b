// `generate`: text of the original and of a plan, from the bytes that an export would write; JSON,
// with the texts on standard error.

import { checkSampling, type Sampling } from '../analysis/sampling.ts';
import type { UsedDevice } from '../contract/device.ts';
import type { GenerateResult, Side } from '../contract/generate.ts';
import type { Which } from '../contract/speed.ts';
import type { EncodedPrompt, Prompt } from '../contract/variant.ts';
import { type ErrorReport, EspalierError } from '../errors.ts';
import { generateSideBySide } from '../speed/sideBySide.ts';
import type { Unit } from '../units.ts';
import { defineCommand } from './command.ts';
import { noteDevice } from './device.ts';
import { checkPlan, openForCommand, openVariants, withFolder } from './open.ts';
import type { Options, Values } from './options.ts';
import { checkJsonTarget, note, showProgress, statusDone, writeJson } from './output.ts';
import { COMMON_OPTIONS, FOLDER, PLAN_OPTIONS, RUN_OPTIONS } from './sharedOptions.ts';

const OPTIONS = {
  prompt: { type: 'text', value: 'text', required: true, help: 'text to continue' },
  chat: { type: 'flag', help: "put the prompt through the model's chat template" },
  ...PLAN_OPTIONS,
  tokens: { type: 'whole', min: 1, default: 64, value: 'n', help: 'new tokens at most' },
  temperature: {
    type: 'decimal',
    default: 0,
    value: 'x',
    help: 'sampling temperature; 0 always takes the most likely token',
  },
  'top-k': {
    type: 'whole',
    min: 0,
    default: 0,
    value: 'n',
    help: 'sample from the n most likely tokens; 0 for all',
  },
  'top-p': {
    type: 'decimal',
    default: 1,
    value: 'x',
    help: 'sample from the most likely tokens that hold this probability, up to 1',
  },
  seed: { type: 'whole', min: 0, default: 0, value: 'n', help: 'seed of the sampling' },
  ...RUN_OPTIONS,
  ...COMMON_OPTIONS,
} as const satisfies Options;

export const generate = defineCommand({
  summary: 'continue a prompt with the original and, with --remove, with the pruned model',
  argument: FOLDER,
  options: OPTIONS,
  examples: [
    'public/sample --model onnx/model.onnx --prompt "It was a fine morning" --remove 7,9',
    'public/sample --model onnx/model.onnx --prompt "Anne" --temperature 0.8 --top-p 0.9 --seed 1',
  ],
  run,
});

interface GeneratedVariant {
  /** New token ids. */
  ids: number[];
  text: string;
  /** (n - 1) / (t_n - t_1); null for a single token. */
  tokensPerSecond: number | null;
  /** Seconds to the first token, and to the last. */
  ttft: number;
  seconds: number;
  done: Side['done'];
}

/**
 * What `generate` writes. `pruned` is null without --remove; `errors` is there when a variant
 * failed.
 */
export interface GenerateReport {
  original: GeneratedVariant | null;
  pruned: GeneratedVariant | null;
  /** Index of the first new token in which the two differ, or null. */
  divergesAt: number | null;
  prompt: EncodedPrompt;
  settings: Sampling & {
    tokens: number;
    stopAtEos: boolean;
    chat: boolean;
    graph: string;
    removed: Unit[];
  };
  device: UsedDevice & { runtime: string };
  errors?: { readonly [W in Which]?: ErrorReport };
}

async function run(path: string, values: Values<typeof OPTIONS>): Promise<number> {
  const { prompt: text, chat, tokens, remove: removed } = values;
  const sampling: Sampling = {
    temperature: values.temperature,
    topK: values['top-k'],
    topP: values['top-p'],
    seed: values.seed,
  };
  checkSampling(sampling);
  checkJsonTarget(values.json);
  const prompt: Prompt = chat
    ? { kind: 'chat', messages: [{ role: 'user', content: text }] }
    : { kind: 'raw', text };
  return withFolder(path, async (folder) => {
    const opened = await openForCommand(folder, values.model);
    checkPlan(opened, removed);
    let encoded: EncodedPrompt = { ids: [], text: '' };
    const request = { removed, prompt, tokens, sampling, stopAtEos: true };
    const result = await generateSideBySide(request, await openVariants(opened, values), {
      signal: new AbortController().signal,
      together: true,
      onEvent: (event) => {
        if (event.type === 'progress') showProgress(event.progress);
        if (event.type === 'prompt') encoded = event.prompt;
      },
    });
    statusDone();
    const settings = {
      ...sampling,
      tokens,
      stopAtEos: true,
      chat,
      graph: opened.graphPath,
      removed,
    };
    const report = reportOf(result, encoded, settings);
    writeJson(values.json, report);
    summarise(report, result);
    noteDevice(report.device.name, report.device.runtime);
    return report.errors ? 1 : 0;
  });
}

function reportOf(
  { original, pruned, errors, divergesAt }: GenerateResult,
  prompt: EncodedPrompt,
  settings: GenerateReport['settings'],
): GenerateReport {
  const info = (original ?? pruned)?.info;
  if (!info) throw new EspalierError('bug', 'Neither variant has a text, and neither failed.');
  return {
    original: variantOf(original),
    pruned: variantOf(pruned),
    divergesAt,
    prompt,
    settings,
    device: { ...info.device, runtime: info.runtime },
    ...(errors.original || errors.pruned ? { errors } : {}),
  };
}

function variantOf(side: Side | null): GeneratedVariant | null {
  if (!side) return null;
  const { ids, text, ttft, seconds, done } = side;
  return {
    ids,
    text,
    tokensPerSecond: ids.length > 1 ? (ids.length - 1) / (seconds - ttft) : null,
    ttft,
    seconds,
    done,
  };
}

function summarise(
  { original, pruned, divergesAt, errors }: GenerateReport,
  result: GenerateResult,
): void {
  for (const [name, variant] of Object.entries({ original, pruned })) {
    if (!variant) continue;
    const speed =
      variant.tokensPerSecond === null ? '' : `, ${variant.tokensPerSecond.toFixed(1)} tokens/s`;
    note(
      `${name}: ${variant.ids.length} tokens, first after ` +
        `${(variant.ttft * 1000).toFixed(1)} ms${speed}`,
    );
    for (const text of result[name as Which]?.info.notes ?? []) note(`${name}: ${text}`);
    note(`  ${JSON.stringify(variant.text)}`);
  }
  if (original && pruned)
    note(
      divergesAt === null
        ? 'Both texts are the same.'
        : `First difference at new token ${divergesAt + 1}.`,
    );
  for (const [name, error] of Object.entries(errors ?? {}))
    if (error) note(`${name} failed: ${error.message} ${error.hint}`);
}
