// What training engines have to be told of a family of Hugging Face Transformers.
// `_no_split_modules` of Transformers 4.57.6 and 5.16.1; bridges of Megatron Bridge 0.3.1.

import { isJsonObject, type JsonObject } from '../../../json.ts';
import { type DeclaredBlocks, familyKey } from '../declared.ts';

/** The class of a block, by `model_type` without underscores and "_text". */
const BLOCK_CLASSES: Readonly<Record<string, string>> = {
  bloom: 'BloomBlock',
  gemma2: 'Gemma2DecoderLayer',
  gemma3: 'Gemma3DecoderLayer',
  gpt2: 'GPT2Block',
  gptneox: 'GPTNeoXLayer',
  granite: 'GraniteDecoderLayer',
  llama: 'LlamaDecoderLayer',
  mistral: 'MistralDecoderLayer',
  olmo2: 'Olmo2DecoderLayer',
  opt: 'OPTDecoderLayer',
  phi3: 'Phi3DecoderLayer',
  qwen2: 'Qwen2DecoderLayer',
  qwen3: 'Qwen3DecoderLayer',
  smollm3: 'SmolLM3DecoderLayer',
};

/** Families without flash attention in Transformers: ALiBi has no place in it. */
const WITHOUT_FLASH = new Set(['bloom']);

/** Families whose bridge builds every block alike from the config. */
const BRIDGED = new Set(['llama', 'mistral', 'qwen2', 'qwen3']);

/** Null for a family that is not in the table. */
export const blockClass = (family: string): string | null => BLOCK_CLASSES[family] ?? null;

export const hasFlashAttention = (family: string): boolean => !WITHOUT_FLASH.has(family);

/** Why Megatron Bridge would not build this model, as a sentence, or null. */
export function megatronObstacle(
  declared: Pick<DeclaredBlocks, 'family' | 'section' | 'kinds'>,
  config: JsonObject,
): string | null {
  const { family, section, kinds } = declared;
  if (section !== null) return 'The decoder is a part of a larger model.';
  if (!BRIDGED.has(familyKey(family)))
    return family.startsWith('gemma')
      ? 'Megatron Bridge 0.3.1 tells the attention windows of Gemma by the position of a block, ' +
          'and positions change when blocks are removed.'
      : `Megatron Bridge 0.3.1 has no bridge for models of the type ${family}.`;
  if (new Set(kinds).size > 1)
    return 'Megatron Bridge 0.3.1 builds every block of this family alike, and these are not.';
  const biased = ['attention_bias', 'mlp_bias'].find((field) => config[field] === true);
  if (biased) return `Megatron Bridge 0.3.1 does not read ${biased} of config.json.`;
  return ropeObstacle(config);
}

/** What Megatron Core has built in as llama3: other values than these are not passed on. */
const LLAMA3 = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };

function ropeObstacle(config: JsonObject): string | null {
  const rope = config.rope_scaling ?? config.rope_parameters;
  if (!isJsonObject(rope)) return null;
  const type = rope.rope_type ?? rope.type ?? 'default';
  if (type === 'default') return null;
  const known =
    type === 'llama3' && Object.entries(LLAMA3).every(([field, value]) => rope[field] === value);
  return known
    ? null
    : `Megatron Bridge 0.3.1 does not pass on every rope_scaling of the type ${String(type)}.`;
}
