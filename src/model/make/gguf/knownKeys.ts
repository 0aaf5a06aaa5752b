// Keys of an architecture that are read or change no number. Any other stops the opening, unless
// its value says that it is not used: a number that is not understood may be wrong in silence.

import { EspalierError } from '../../../errors.ts';
import { shortName } from '../../../onnx/limits.ts';
import type { GgufMetadata, GgufValue } from '../../../tensors/gguf/metadata.ts';
import type { ArchitectureKeys } from './values.ts';

/** Read for every architecture. */
const READ = [
  'block_count',
  'context_length',
  'embedding_length',
  'feed_forward_length',
  'attention.head_count',
  'attention.head_count_kv',
  'attention.key_length',
  'attention.value_length',
  'attention.layer_norm_epsilon',
  'attention.layer_norm_rms_epsilon',
  'rope.dimension_count',
  'rope.freq_base',
  'rope.scale_linear',
  'rope.scaling.type',
  'rope.scaling.factor',
  'rope.scaling.attn_factor',
  'rope.scaling.original_context_length',
  'rope.scaling.yarn_ext_factor',
  'rope.scaling.yarn_attn_factor',
  'rope.scaling.yarn_beta_fast',
  'rope.scaling.yarn_beta_slow',
  'rope.scaling.yarn_log_multiplier',
];

/**
 * Without effect on the numbers: the vocabulary is that of the embedding; the layout says how the
 * rows of queries and keys are stored, which is the same for all files of the architecture.
 */
const WITHOUT_EFFECT = ['vocab_size', 'tensor_data_layout', 'pooling_type', 'expert_used_count'];

/** Read for these alone. */
const OF: Readonly<Record<string, readonly string[]>> = {
  llama: ['attention.sliding_window'],
  granite: ['attention.scale', 'embedding_scale', 'residual_scale', 'logit_scale'],
  phi3: ['attention.sliding_window'],
  olmo2: ['attention.sliding_window', 'attention.sliding_window_pattern', 'rope.freq_base_swa'],
  gemma2: [
    'attention.sliding_window',
    'attention.sliding_window_pattern',
    'attn_logit_softcapping',
    'final_logit_softcapping',
  ],
  gemma3: [
    'attention.sliding_window',
    'attention.sliding_window_pattern',
    'rope.freq_base_swa',
    'final_logit_softcapping',
  ],
  gptneox: ['use_parallel_residual'],
};

/** Keys that change nothing when they are true. Granite rotates nothing where the second is not. */
const USUALLY_TRUE = new Set(['attention.causal', 'rope.scaling.finetuned']);

/**
 * What llama.cpp writes besides zeros for keys that the model does not use, in files that it saves
 * itself (`llama_model_save_to_file`): src/llama-hparams.h.
 */
const UNSET: Readonly<Record<string, number>> = {
  'attention.rope_pattern': 1,
  // The one that Bloom has.
  'bloom.attention.max_alibi_bias': 8,
  'activation.situ_beta': 1,
  attn_logit_softcapping: 50,
  decoder_start_token_id: -1,
  deepstack_mapping: -1,
  expert_group_scale: Math.fround(0.05),
  final_logit_softcapping: 30,
  'kda.gate_lower_bound': Number.NEGATIVE_INFINITY,
  router_logit_softcapping: 30,
  token_shift_count: 2,
};

/** What holds for sliding blocks alone. */
const SLIDING = new Set([
  'attention.key_length_swa',
  'attention.value_length_swa',
  'rope.dimension_count_swa',
  'rope.freq_base_swa',
]);

/** @throws EspalierError `unsupported-graph` naming the key and its value */
export function requireKnownKeys(metadata: GgufMetadata, keys: ArchitectureKeys): void {
  const { arch } = keys;
  const known = new Set([...READ, ...WITHOUT_EFFECT, ...(OF[arch] ?? [])]);
  for (const [key, entry] of metadata) {
    if (!key.startsWith(`${arch}.`)) continue;
    const name = key.slice(arch.length + 1);
    if (known.has(name)) continue;
    if (entry.value === true && USUALLY_TRUE.has(name)) continue;
    // To all others it says nothing.
    if (name === 'rope.scaling.finetuned' && arch !== 'granite') continue;
    if (!USUALLY_TRUE.has(name) && isUnused(entry, UNSET[name] ?? UNSET[key])) continue;
    if (SLIDING.has(name) && saysNothing(keys, name)) continue;
    if (name === 'attention.scale' && isUsualScale(keys)) continue;
    throw new EspalierError(
      'unsupported-graph',
      `The model has ${shortName(key)} = ${shown(entry)}, which Espalier cannot compute in the ` +
        `architecture ${arch}.`,
      'Open the ONNX export of this model, or its checkpoint in safetensors.',
    );
  }
}

function isUnused({ type, value }: GgufValue, unset: number | undefined): boolean {
  const unused = (one: unknown): boolean =>
    one === 0 || one === 0n || one === false || one === '' || one === 'none' || one === unset;
  return type === 'array' ? value.every(unused) : unused(value);
}

/** Where no block slides, and where it is the same for all. */
function saysNothing(keys: ArchitectureKeys, name: string): boolean {
  const all = keys.number(`*.${name.replace('_swa', '')}`);
  return !keys.number('*.attention.sliding_window') || keys.number(`*.${name}`) === all;
}

/** One over the root of the size of a head, which is what attention has without the key. */
function isUsualScale(keys: ArchitectureKeys): boolean {
  const size = keys.number('*.attention.key_length');
  const scale = keys.number('*.attention.scale');
  return size !== null && scale !== null && Math.abs(scale * Math.sqrt(size) - 1) < 1e-6;
}

function shown({ type, value }: GgufValue): string {
  if (type !== 'array') return shortName(String(value));
  return `[${value.slice(0, 4).map(String).join(', ')}${value.length > 4 ? ', ...' : ''}]`;
}
