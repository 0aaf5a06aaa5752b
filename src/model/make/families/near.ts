// Families near Llama's kind: other norms, one norm for attention and feed-forward, feed-forwards
// without a gate. Read in Transformers 4.57.6 (models/*/configuration_*.py and modeling_*.py).

import type { FamilyFields } from '../familyFields.ts';
import type { BlockSpec, DecoderSpec, FeedForwardSpec, NormSpec, RotarySpec } from '../spec.ts';
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

function traitsOf(
  fields: FamilyFields,
  sizes: Sizes,
  epsilon: number,
  rotary: RotarySpec,
  activation = 'silu',
): RmsNormTraits {
  return {
    sizes,
    epsilon,
    tied: false,
    activation: activationOf(fields, 'hidden_act', activation),
    bias: { qkv: false, output: false, feedForward: false },
    norms: 'before',
    rotary: () => rotary,
    windows: Array.from({ length: sizes.blocks }, () => null),
  };
}

/** As OLMo 2 with windows in three of four blocks, which rotate without scaling. */
function olmo3(fields: FamilyFields): DecoderSpec {
  const sizes = sizesOf(fields, DEFAULT_SIZES.olmo3);
  const whole = rotaryOf(fields, sizes, { layerType: 'full_attention' });
  const sliding = rotaryOf(fields, sizes, {
    layerType: 'sliding_attention',
    suffix: '_local',
    unscaled: true,
  });
  const window = fields.size('sliding_window', fields.has('sliding_window') ? null : 4096);
  const windows = windowsOf(fields, sizes.blocks, window, (block) => (block + 1) % 4 !== 0);
  const bias = fields.flag('attention_bias', false);
  return rmsNormDecoder(fields, {
    ...traitsOf(fields, sizes, fields.positive('rms_norm_eps', 1e-5), whole),
    bias: { qkv: bias, output: bias, feedForward: false },
    norms: 'after',
    queryKeyNorm: 'all',
    rotary: (block) => (windows[block] === null ? whole : sliding),
    windows,
  });
}

/** LayerNorm, a part of every head rotated. */
function stablelm(fields: FamilyFields): DecoderSpec {
  fields.only('qk_layernorm', false);
  const sizes = sizesOf(fields, DEFAULT_SIZES.stablelm);
  const rotary = rotaryOf(fields, sizes, { partial: 0.25 });
  const spec = rmsNormDecoder(fields, {
    ...traitsOf(fields, sizes, fields.positive('layer_norm_eps', 1e-5), rotary),
    bias: { qkv: fields.flag('use_qkv_bias', false), output: false, feedForward: false },
  });
  const parallel = fields.flag('use_parallel_residual', false);
  return changed(spec, layerNorm, parallel ? oneNorm : undefined);
}

/** LayerNorm, biases, a feed-forward without a gate. */
function starcoder2(fields: FamilyFields): DecoderSpec {
  const sizes = sizesOf(fields, DEFAULT_SIZES.starcoder2);
  const bias = fields.flag('use_bias', true);
  const epsilon = fields.positive('norm_epsilon', 1e-5);
  const rotary = rotaryOf(fields, sizes, {});
  const window = fields.size('sliding_window', null);
  const spec = rmsNormDecoder(fields, {
    ...traitsOf(fields, sizes, epsilon, rotary, 'gelu_pytorch_tanh'),
    tied: true,
    bias: { qkv: bias, output: bias, feedForward: bias },
    windows: Array.from({ length: sizes.blocks }, () => window),
  });
  return changed(spec, layerNorm, (block) => ({
    ...block,
    feedForward: ungated(block.feedForward, 'c_fc', 'c_proj'),
  }));
}

/** Phi-1 and Phi-2: attention and feed-forward read one LayerNorm; biases everywhere. */
function phi(fields: FamilyFields): DecoderSpec {
  fields.only('qk_layernorm', false);
  fields.only('tie_word_embeddings', false);
  const sizes = sizesOf(fields, DEFAULT_SIZES.phi);
  const rotary = rotaryOf(fields, sizes, { partial: 0.5 });
  const spec = rmsNormDecoder(fields, {
    ...traitsOf(fields, sizes, fields.positive('layer_norm_eps', 1e-5), rotary, 'gelu_new'),
    bias: { qkv: true, output: true, feedForward: true },
  });
  const { head } = spec;
  const made = changed(spec, layerNorm, (block) => ({
    ...oneNorm(block),
    attention: {
      ...block.attention,
      output: {
        ...block.attention.output,
        module: block.attention.output.module.replace('o_proj', 'dense'),
      },
    },
    feedForward: ungated(block.feedForward, 'fc1', 'fc2'),
  }));
  return {
    ...made,
    norm: made.norm && { ...made.norm, module: 'model.final_layernorm' },
    head: { ...head, linear: { ...head.linear, bias: true } },
  };
}

/** LayerNorm without a bias, one for both halves; pairs of a rotation side by side. */
function cohere(fields: FamilyFields): DecoderSpec {
  fields.only('use_qk_norm', false);
  const sizes = sizesOf(fields, DEFAULT_SIZES.cohere);
  const rotary = { ...rotaryOf(fields, sizes, {}), interleaved: true } as const;
  const bias = fields.flag('attention_bias', false);
  const spec = rmsNormDecoder(fields, {
    ...traitsOf(fields, sizes, fields.positive('layer_norm_eps', 1e-5), rotary),
    tied: true,
    bias: { qkv: bias, output: bias, feedForward: false },
    logitsMultiplier: fields.number('logit_scale', 0.0625),
  });
  return changed(spec, (norm) => ({ ...layerNorm(norm), biasless: true }), oneNorm);
}

const layerNorm = (norm: NormSpec): NormSpec => ({ ...norm, kind: 'layer' });

/** Attention and feed-forward read what one norm gives. */
const oneNorm = (block: BlockSpec): BlockSpec => ({
  ...block,
  norms: { ...block.norms, beforeFeedForward: null },
  parallel: true,
});

function ungated(gated: FeedForwardSpec, up: string, down: string): FeedForwardSpec {
  const { activation, projections } = gated;
  const named = (linear: FeedForwardSpec['down'], name: string): FeedForwardSpec['down'] => ({
    ...linear,
    module: linear.module.replace(/[^.]+$/, name),
  });
  if (!('up' in projections)) return gated;
  return {
    activation,
    projections: { up: named(projections.up, up) },
    down: named(gated.down, down),
  };
}

/** A decoder with other norms and other blocks. */
function changed(
  spec: DecoderSpec,
  norm: (norm: NormSpec) => NormSpec,
  other: (block: BlockSpec) => BlockSpec = (block) => block,
): DecoderSpec {
  const normed = (one: NormSpec | null): NormSpec | null => one && norm(one);
  return {
    ...spec,
    norm: normed(spec.norm),
    blocks: spec.blocks.map((block) => {
      const { beforeAttention, beforeFeedForward } = block.norms;
      return other({
        ...block,
        norms: {
          ...block.norms,
          beforeAttention: normed(beforeAttention),
          beforeFeedForward: normed(beforeFeedForward),
        },
      });
    }),
  };
}

export const NEAR_FAMILIES = { olmo3, stablelm, starcoder2, phi, cohere } satisfies Record<
  string,
  (fields: FamilyFields) => DecoderSpec
>;
