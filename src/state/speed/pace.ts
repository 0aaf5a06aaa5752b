// How fast a device was with a model, per byte of its files: what times are estimated from. Pure.

import { mean } from '../../analysis/perplexity.ts';
import type { BrowserDeviceKind } from '../../contract/device.ts';
import type { VariantMeasure } from '../../contract/speed.ts';
import type { RunSample, VariantInfo } from '../../contract/variant.ts';
import type { OpenModel } from '../open/state.ts';

/** Seconds per byte of a model's files on one device: runs and loads grow with them. */
export interface Pace {
  /** Folder and graph of the model that it was measured on. */
  model: string;
  load: number;
  /** Per token of the prompt. */
  prompt: number;
  /** Per new token. */
  token: number;
}

export type DeviceAsked = 'auto' | BrowserDeviceKind;

/** Folder and graph. */
export const nameOf = ({ summary }: OpenModel) => `${summary.name}/${summary.graph}`;

/** The pace that a run shows. */
export function paceOf(
  model: OpenModel,
  info: VariantInfo,
  { ttft, seconds, promptTokens, tokens, batch }: RunSample,
): Pace {
  const { fileBytes, loadSeconds } = info;
  const prompt = ttft / Math.max(1, promptTokens * batch);
  return {
    model: nameOf(model),
    load: loadSeconds / fileBytes,
    prompt: prompt / fileBytes,
    token: (tokens > 1 ? (seconds - ttft) / ((tokens - 1) * batch) : prompt) / fileBytes,
  };
}

/** The pace that a finished measurement shows: the mean of its runs. */
export function paceOfMeasure(model: OpenModel, { info, samples, loads }: VariantMeasure): Pace {
  const each = samples.map((sample) => paceOf(model, info, sample));
  return {
    model: nameOf(model),
    load: mean(loads) / info.fileBytes,
    prompt: mean(each.map(({ prompt }) => prompt)),
    token: mean(each.map(({ token }) => token)),
  };
}
