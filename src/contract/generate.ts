// Generating with the original and a pruned variant side by side.

import type { Sampling } from '../analysis/sampling.ts';
import type { ErrorReport } from '../errors.ts';
import type { Progress } from './progress.ts';
import type { MeterRequest, Which } from './speed.ts';
import type { Advance, EncodedPrompt, Prompt, VariantInfo } from './variant.ts';

export interface GenerateRequest extends MeterRequest {
  prompt: Prompt;
  tokens: number;
  sampling: Sampling;
  stopAtEos: boolean;
}

/** How far one side of a generation is; `ids` and `ends` are of all new tokens so far. */
export interface Side extends Advance {
  info: VariantInfo;
}

export type GenerateEvent =
  | { type: 'progress'; progress: Progress }
  | { type: 'note'; text: string }
  | { type: 'prompt'; prompt: EncodedPrompt }
  | { type: 'side'; which: Which; side: Side }
  | { type: 'failed'; which: Which; error: ErrorReport };

export interface GenerateResult {
  original: Side | null;
  /** null too when nothing is removed. */
  pruned: Side | null;
  errors: { readonly [W in Which]?: ErrorReport };
  /** Index of the first new token in which the two differ, or null. */
  divergesAt: number | null;
}
