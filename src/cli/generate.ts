// `generate`: text of a model, and of a plan beside it, from the bytes that export would write; as
// JSON and the texts themselves.

import { checkSampling, type Sampling } from '../analysis/sampling.ts';
import type { DeviceKind } from '../contract/device.ts';
import type { GenerateResult, Side } from '../contract/generate.ts';
import type { Which } from '../contract/speed.ts';
import type { EncodedPrompt, Prompt } from '../contract/variant.ts';
import { type ErrorReport, EspalierError } from '../errors.ts';
import { generateSideBySide } from '../speed/sideBySide.ts';
import type { Unit } from '../units.ts';
import { decimal, oneOf, parseCommand, parseRemove, UsageError, wholeNumber } from './args.ts';
import { checkPlan, openForCommand, openVariants, withFolder } from './open.ts';
import { checkJsonTarget, note, showProgress, statusDone, writeJson } from './output.ts';

const OPTIONS = {
  prompt: { type: 'string' },
  chat: { type: 'boolean' },
  remove: { type: 'string' },
  tokens: { type: 'string' },
  temperature: { type: 'string' },
  'top-k': { type: 'string' },
  'top-p': { type: 'string' },
  seed: { type: 'string' },
  device: { type: 'string' },
  model: { type: 'string' },
  json: { type: 'string' },
} as const;

export interface GeneratedVariant {
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
  device: { kind: DeviceKind; name: string; runtime: string };
  errors?: { readonly [W in Which]?: ErrorReport };
}

export async function generate(words: string[]): Promise<number> {
  const { folder: path, values } = parseCommand(words, OPTIONS);
  const { prompt: text, chat = false } = values;
  if (text === undefined) throw new UsageError('Give a prompt: --prompt <text>.');
  const sampling: Sampling = {
    temperature: decimal(values.temperature, 'temperature', 0),
    topK: wholeNumber(values['top-k'], 'top-k', 0, 0),
    topP: decimal(values['top-p'], 'top-p', 1),
    seed: wholeNumber(values.seed, 'seed', 0, 0),
  };
  const tokens = wholeNumber(values.tokens, 'tokens', 64);
  const device = oneOf(values.device, 'device', ['wasm', 'webgpu']) ?? 'wasm';
  const removed = parseRemove(values.remove);
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
    const result = await generateSideBySide(request, await openVariants(opened, device), {
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
        : `They differ from new token ${divergesAt + 1} on.`,
    );
  for (const [name, error] of Object.entries(errors ?? {}))
    if (error) note(`${name} failed: ${error.message} ${error.hint}`);
}
