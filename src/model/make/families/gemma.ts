// Gemma, Gemma 2 and Gemma 3 (text). Read in Transformers 4.57.6 (models/gemma*): fields, their
// defaults, and what they do.

import type { FamilyFields } from '../familyFields.ts';
import type { DecoderSpec } from '../spec.ts';
import {
  activationOf,
  type RmsNormTraits,
  rmsNormDecoder,
  rotaryOf,
  type Sizes,
  sizesOf,
  windowsOf,
} from './common.ts';
import { DEFAULT_SIZES } from './defaults.ts';

/** Norms hold what is added to 1; rows of the embedding are scaled by the root of their length. */
function gemmaTraits(
  fields: FamilyFields,
  sizes: Sizes,
  rest: Pick<RmsNormTraits, 'activation' | 'norms' | 'rotary' | 'windows'>,
): RmsNormTraits {
  const bias = fields.flag('attention_bias', false);
  fields.only('use_bidirectional_attention', false);
  return {
    sizes,
    epsilon: fields.positive('rms_norm_eps', 1e-6),
    tied: true,
    bias: { qkv: bias, output: bias, feedForward: false },
    normOffset: 1,
    embeddingMultiplier: Math.sqrt(sizes.hiddenSize),
    ...rest,
  };
}

function gemma(fields: FamilyFields): DecoderSpec {
  const sizes = sizesOf(fields, DEFAULT_SIZES.gemma);
  const rotary = rotaryOf(fields, sizes, { theta: 10000 });
  return rmsNormDecoder(
    fields,
    gemmaTraits(fields, sizes, {
      activation: activationOf(fields, 'hidden_act', 'gelu_pytorch_tanh'),
      norms: 'before',
      rotary: () => rotary,
      windows: Array.from({ length: sizes.blocks }, () => null),
    }),
  );
}

/** Every other block has a window; scores and logits are bounded. */
function gemma2(fields: FamilyFields): DecoderSpec {
  const sizes = sizesOf(fields, DEFAULT_SIZES.gemma2);
  const rotary = rotaryOf(fields, sizes, { theta: 10000 });
  return rmsNormDecoder(fields, {
    ...laterTraits(fields, sizes, 2, () => rotary),
    attentionSoftcap: softcap(fields, 'attn_logit_softcapping', 50),
    logitsSoftcap: softcap(fields, 'final_logit_softcapping', 30),
  });
}

/** Blocks with a window rotate by a base of their own; queries and keys have norms. */
function gemma3(fields: FamilyFields): DecoderSpec {
  const sizes = sizesOf(fields, DEFAULT_SIZES.gemma3);
  const global = rotaryOf(fields, sizes, {
    theta: 1e6,
    layerType: 'full_attention',
    suffix: '_global',
  });
  const local = rotaryOf(fields, sizes, {
    theta: 10000,
    layerType: 'sliding_attention',
    suffix: '_local',
  });
  const period = fields.size('sliding_window_pattern', 6);
  const traits = laterTraits(fields, sizes, period, (block) =>
    traits.windows[block] === null ? global : local,
  );
  // Declared, and not computed by Transformers.
  fields.only('attn_logit_softcapping', undefined);
  return rmsNormDecoder(fields, {
    ...traits,
    queryKeyNorm: 'head',
    logitsSoftcap: softcap(fields, 'final_logit_softcapping', null),
  });
}

/** What Gemma 2 and 3 have in common. @param period every block of that number has no window */
function laterTraits(
  fields: FamilyFields,
  sizes: Sizes,
  period: number,
  rotary: RmsNormTraits['rotary'],
): RmsNormTraits {
  const window = fields.size('sliding_window', fields.has('sliding_window') ? null : 4096);
  const scalar = fields.number('query_pre_attn_scalar', 256);
  if (scalar <= 0) throw fields.refuse('query_pre_attn_scalar');
  return {
    ...gemmaTraits(fields, sizes, {
      activation: activationOf(fields, 'hidden_activation', 'gelu_pytorch_tanh'),
      norms: 'both',
      rotary,
      windows: windowsOf(fields, sizes.blocks, window, (block) => (block + 1) % period !== 0),
    }),
    attentionScale: scalar ** -0.5,
  };
}

/** A bound of scores or logits, null for none. */
function softcap(fields: FamilyFields, field: string, fallback: number | null): number | null {
  const cap = fields.has(field) ? fields.number(field, null) : fallback;
  if (cap !== null && cap <= 0) throw fields.refuse(field);
  return cap;
}

export const GEMMA_FAMILIES = { gemma, gemma2, gemma3_text: gemma3 } satisfies Record<
  string,
  (fields: FamilyFields) => DecoderSpec
>;
