// Families of Llama's kind. Read in Transformers 4.57.6 (models/*/configuration_*.py and
// modeling_*.py): fields, their defaults, and what they do.

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

/** Everything that Llama's config says; families change what they do otherwise. */
function llamaTraits(
  fields: FamilyFields,
  sizes: Sizes,
  defaults: { theta?: number; epsilon?: number; tied?: boolean; partial?: boolean } = {},
): RmsNormTraits {
  const rotary = rotaryOf(fields, sizes, defaults);
  return {
    sizes,
    epsilon: fields.positive('rms_norm_eps', defaults.epsilon ?? 1e-6),
    tied: defaults.tied ?? false,
    activation: activationOf(fields, 'hidden_act', 'silu'),
    bias: { qkv: false, output: false, feedForward: false },
    norms: 'before',
    rotary: () => rotary,
    windows: Array.from({ length: sizes.blocks }, () => null),
  };
}

/** `attention_bias` is of all four products, as in Llama. */
function attentionBias(fields: FamilyFields): { qkv: boolean; output: boolean } {
  const bias = fields.flag('attention_bias', false);
  return { qkv: bias, output: bias };
}

function llama(fields: FamilyFields): DecoderSpec {
  const traits = llamaTraits(fields, sizesOf(fields, DEFAULT_SIZES.llama));
  const feedForward = fields.flag('mlp_bias', false);
  return rmsNormDecoder(fields, { ...traits, bias: { ...attentionBias(fields), feedForward } });
}

function mistral(fields: FamilyFields): DecoderSpec {
  const sizes = sizesOf(fields, DEFAULT_SIZES.mistral);
  const window = fields.size('sliding_window', fields.has('sliding_window') ? null : 4096);
  const windows = Array.from({ length: sizes.blocks }, () => window);
  return rmsNormDecoder(fields, { ...llamaTraits(fields, sizes), windows });
}

/** Blocks from `max_window_layers` on have a window, where `use_sliding_window` is set. */
function qwenWindows(fields: FamilyFields, { blocks }: Sizes): (number | null)[] {
  const first = fields.number('max_window_layers', 28);
  const declared = fields.size('sliding_window', fields.has('sliding_window') ? null : 4096);
  const window = fields.flag('use_sliding_window', false) ? declared : null;
  return windowsOf(fields, blocks, window, (block) => window !== null && block >= first);
}

function qwen2(fields: FamilyFields): DecoderSpec {
  const sizes = sizesOf(fields, DEFAULT_SIZES.qwen2);
  return rmsNormDecoder(fields, {
    ...llamaTraits(fields, sizes),
    bias: { qkv: true, output: false, feedForward: false },
    windows: qwenWindows(fields, sizes),
  });
}

function qwen3(fields: FamilyFields): DecoderSpec {
  const sizes = sizesOf(fields, DEFAULT_SIZES.qwen3);
  return rmsNormDecoder(fields, {
    ...llamaTraits(fields, sizes),
    bias: { ...attentionBias(fields), feedForward: false },
    queryKeyNorm: 'head',
    windows: qwenWindows(fields, sizes),
  });
}

/** Every fourth block does without rotation. */
function smollm3(fields: FamilyFields): DecoderSpec {
  const sizes = sizesOf(fields, DEFAULT_SIZES.smollm3);
  const traits = llamaTraits(fields, sizes, { theta: 2e6, tied: true });
  const interval = fields.size('no_rope_layer_interval', 4);
  const listed = fields.perBlock('no_rope_layers', sizes.blocks);
  const rotates = (block: number): boolean =>
    listed ? Boolean(listed[block]) : (block + 1) % interval !== 0;
  const declared = fields.size('sliding_window', null);
  const window = fields.flag('use_sliding_window', false) ? declared : null;
  return rmsNormDecoder(fields, {
    ...traits,
    bias: { ...attentionBias(fields), feedForward: fields.flag('mlp_bias', false) },
    rotary: (block) => (rotates(block) ? traits.rotary(block) : null),
    windows: windowsOf(fields, sizes.blocks, window, (block) => window !== null && !rotates(block)),
  });
}

/** Embedding, attention, what blocks add and the logits are scaled. */
function granite(fields: FamilyFields): DecoderSpec {
  return rmsNormDecoder(fields, {
    ...llamaTraits(fields, sizesOf(fields, DEFAULT_SIZES.granite)),
    bias: { ...attentionBias(fields), feedForward: fields.flag('mlp_bias', false) },
    attentionScale: fields.positive('attention_multiplier', 1),
    embeddingMultiplier: fields.number('embedding_multiplier', 1),
    residualMultiplier: fields.number('residual_multiplier', 1),
    logitsMultiplier: 1 / fields.positive('logits_scaling', 1),
  });
}

/** Norms after attention and feed-forward, and of all queries and keys of a position. */
function olmo2(fields: FamilyFields): DecoderSpec {
  return rmsNormDecoder(fields, {
    ...llamaTraits(fields, sizesOf(fields, DEFAULT_SIZES.olmo2), { epsilon: 1e-5 }),
    bias: { ...attentionBias(fields), feedForward: false },
    norms: 'after',
    queryKeyNorm: 'all',
  });
}

/** Query, key and value are one matrix, gate and up another. */
function phi3(fields: FamilyFields): DecoderSpec {
  const sizes = sizesOf(fields, DEFAULT_SIZES.phi3);
  const window = fields.size('sliding_window', null);
  return rmsNormDecoder(fields, {
    ...llamaTraits(fields, sizes, { epsilon: 1e-5, partial: true }),
    fused: true,
    windows: Array.from({ length: sizes.blocks }, () => window),
  });
}

export const RMS_NORM_FAMILIES = {
  llama,
  mistral,
  qwen2,
  qwen3,
  smollm3,
  granite,
  olmo2,
  phi3,
} satisfies Record<string, (fields: FamilyFields) => DecoderSpec>;
