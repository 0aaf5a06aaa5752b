// What the configs of a model say about single blocks: the kind of each, and every list and count
// that other tools read by position. Decides nothing about a tool.

import { isJsonObject, type JsonObject } from '../../json.ts';
import type { ModelConfig } from '../structure/config.ts';

/** A value of one block: config lists hold nothing else that matters here. */
export type Entry = string | number | boolean | null;

/** Plain data; crosses threads as a part of the summary. */
export interface DeclaredBlocks {
  /** `model_type` of the decoder without underscores, "-" and "_text": gemma3, gptoss, qwen35. */
  family: string;
  /** Section of config.json that describes the decoder, such as `text_config`, or null. */
  section: string | null;
  /** Whether there is a config.json; without it only what ONNX Runtime GenAI needs is known. */
  hasConfig: boolean;
  /**
   * Kind of each block in the words of Transformers (`sliding_attention`, `full_attention`,
   * `chunked_attention`, `linear_attention`, `conv`, `mamba`), or null when all are alike or
   * nothing is known.
   */
  kinds: readonly string[] | null;
  /** Whether each block rotates its queries and keys; null when all do or nothing is known. */
  rotary: readonly boolean[] | null;
  /** Lists of the config with one entry for each block. */
  lists: Readonly<Record<string, readonly Entry[]>>;
  /** Lists of block numbers. */
  indexLists: Readonly<Record<string, readonly number[]>>;
  /** Counts of blocks from the first one on, such as `first_k_dense_replace`. */
  leading: Readonly<Record<string, number>>;
  /** Counts of blocks up to the last one, such as `num_kv_shared_layers`. */
  trailing: Readonly<Record<string, number>>;
  /** Other numbers that the tables of the tools ask for. */
  numbers: Readonly<Record<string, number>>;
}

/** Lists of any length that never run over blocks. */
const NOT_PER_BLOCK = /token|architectures|_section$|languages|factor/;

/** Lists of block numbers. */
const INDEX_LIST = /^(mlp_only_layers|moe_layers|.*_(idxs|indices|indexes|layer_ids))$/;

const LEADING = ['first_k_dense_replace', 'num_dense_layers', 'moe_layer_start_index'];
const TRAILING = ['num_kv_shared_layers'];
const NUMBERS = [
  'attn_layer_offset',
  'attn_layer_period',
  'decoder_sparse_step',
  'expert_layer_offset',
  'expert_layer_period',
  'head_dim',
  'hidden_size',
  'hidden_size_per_layer_input',
  'interleave_moe_layer_step',
  'moe_layer_interval',
  'num_attention_heads',
  'num_global_key_value_heads',
  'num_hash_layers',
  'q_lora_rank',
  'query_pre_attn_scalar',
  'sliding_window',
];
const SECTIONS = ['text_config', 'language_config', 'llm_config'];

/**
 * What the configs say about the blocks of a model.
 * @param n blocks of the graph; a list of another length is no list over blocks.
 */
export function declaredBlocks(
  config: Pick<ModelConfig, 'raw' | 'family'>,
  n: number,
): DeclaredBlocks {
  const whole = config.raw.config;
  const section = SECTIONS.find((key) => isJsonObject(whole?.[key])) ?? null;
  const part = (section === null ? whole : (whole?.[section] as JsonObject)) ?? {};
  const family = familyKey(typeof part.model_type === 'string' ? part.model_type : config.family);
  const genai = genaiDecoder(config.raw.genai);
  const lists: Record<string, readonly Entry[]> = {};
  const indexLists: Record<string, readonly number[]> = {};
  for (const [key, value] of Object.entries(part)) {
    if (!Array.isArray(value) || key === '__proto__') continue;
    if (INDEX_LIST.test(key)) {
      if (value.length <= n && value.every((i) => Number.isSafeInteger(i) && (i as number) < n))
        indexLists[key] = value as number[];
    } else if (value.length === n && !NOT_PER_BLOCK.test(key) && value.every(isEntry))
      lists[key] = value;
  }
  const declared = {
    family,
    section,
    hasConfig: whole !== null,
    lists,
    indexLists,
    leading: picked(part, LEADING),
    trailing: picked(part, TRAILING),
    numbers: picked(part, NUMBERS),
  };
  const rotary = rotaryOf(declared, part, n);
  return { ...declared, rotary, kinds: kindsOf(declared, part, genai, rotary, n) };
}

/** The values that fields of config.json need when only the blocks `keep` of `n` stay. */
export function prunedFields(
  declared: DeclaredBlocks,
  n: number,
  keep: readonly number[],
): Record<string, Entry | Entry[]> {
  const out: Record<string, Entry | Entry[]> = {};
  const cut = (list: readonly Entry[]): Entry[] => keep.map((i) => list[i] ?? null);
  if (declared.kinds && RULES[declared.family] && !declared.lists.layer_types)
    out.layer_types = cut(declared.kinds);
  if (declared.rotary && !declared.lists.no_rope_layers)
    out.no_rope_layers = cut(declared.rotary).map(Number);
  for (const [key, list] of Object.entries(declared.lists)) out[key] = cut(list);
  for (const [key, list] of Object.entries(declared.indexLists))
    out[key] = list.filter((i) => keep.includes(i)).map((i) => keep.indexOf(i));
  for (const [key, count] of Object.entries(declared.leading))
    out[key] = keep.filter((i) => i < count).length;
  for (const [key, count] of Object.entries(declared.trailing))
    out[key] = keep.filter((i) => i >= n - count).length;
  return out;
}

/** `Gemma3_text` as `gemma3`: configs, GenAI and GGUF write the same family in different ways. */
export function familyKey(modelType: string): string {
  return modelType
    .toLowerCase()
    .replace(/_text$/, '')
    .replace(/[_-]/g, '');
}

export const isSliding = (kind: string | undefined): boolean =>
  kind === 'sliding_attention' || kind === 'chunked_attention';

export const isRecurrent = (kind: string | undefined): boolean =>
  kind === 'linear_attention' || kind === 'mamba' || kind === 'conv';

/** How a family's config class fills `layer_types` where config.json has none. */
interface Rule {
  /** Field that gives the period, and its value without it. */
  field?: string;
  period: number;
  /** Kind of every block but the last of each period; that one has full attention. */
  kind: string;
  /** The rule holds only where this field is a number. */
  needs?: string;
}

/**
 * From the configuration classes of Transformers 5.24 (`configuration_<family>.py`,
 * `__post_init__`); they were the same in 4.57.
 */
const RULES: Readonly<Record<string, Rule>> = {
  gemma2: { period: 2, kind: 'sliding_attention' },
  gemma3: { field: 'sliding_window_pattern', period: 6, kind: 'sliding_attention' },
  gemma3n: { period: 5, kind: 'sliding_attention' },
  gemma4: { period: 6, kind: 'sliding_attention' },
  gemma4unified: { period: 6, kind: 'sliding_attention' },
  vaultgemma: { period: 2, kind: 'sliding_attention' },
  cohere2: { field: 'sliding_window_pattern', period: 4, kind: 'sliding_attention' },
  gptoss: { period: 2, kind: 'sliding_attention' },
  olmo3: { period: 4, kind: 'sliding_attention' },
  exaone4: {
    field: 'sliding_window_pattern',
    period: 4,
    kind: 'sliding_attention',
    needs: 'sliding_window',
  },
  qwen3next: { field: 'full_attention_interval', period: 4, kind: 'linear_attention' },
  qwen35: { field: 'full_attention_interval', period: 4, kind: 'linear_attention' },
  qwen35moe: { field: 'full_attention_interval', period: 4, kind: 'linear_attention' },
};

/** Families in which every fourth block, or what the config says, has no rotary positions. */
const NO_ROPE = ['llama4', 'smollm3'];

function rotaryOf(
  { family, lists }: Pick<DeclaredBlocks, 'family' | 'lists'>,
  part: JsonObject,
  n: number,
): boolean[] | null {
  if (!NO_ROPE.includes(family)) return null;
  const list = lists.no_rope_layers;
  if (list) return list.map(Boolean);
  const every = number(part.no_rope_layer_interval) ?? 4;
  return Array.from({ length: n }, (_, i) => (i + 1) % every !== 0);
}

function kindsOf(
  { family, lists, indexLists }: Pick<DeclaredBlocks, 'family' | 'lists' | 'indexLists'>,
  part: JsonObject,
  genai: Pick<DeclaredBlocks, 'kinds'>,
  rotary: readonly boolean[] | null,
  n: number,
): readonly string[] | null {
  const blocks = Array.from({ length: n }, (_, i) => i);
  const listed = lists.layer_types ?? lists.layers_block_type;
  if (listed) return listed.map(String);
  const full = indexLists.full_attn_idxs ?? indexLists.attn_layer_indices;
  const other = family === 'bamba' ? 'mamba' : 'conv';
  if (full) return blocks.map((i) => (full.includes(i) ? 'full_attention' : other));
  if (genai.kinds?.length === n) return genai.kinds;
  if (family === 'llama4' && rotary)
    return rotary.map((rotates) => (rotates ? 'chunked_attention' : 'full_attention'));
  const rule = RULES[family];
  if (!rule) return null;
  if (rule.needs && number(part[rule.needs]) === null) return null;
  const given = rule.field === undefined ? undefined : part[rule.field];
  // EXAONE 4 also writes its pattern as letters: LLLG.
  if (typeof given === 'string' && given !== '')
    return blocks.map((i) => (given[i % given.length] === 'L' ? rule.kind : 'full_attention'));
  const period = number(given) ?? rule.period;
  return blocks.map((i) => ((i + 1) % period === 0 ? 'full_attention' : rule.kind));
}

/** `layer_types`, or `sliding_window.layers`, of genai_config.json. */
function genaiDecoder(genai: JsonObject | null): Pick<DeclaredBlocks, 'kinds'> {
  const model = isJsonObject(genai?.model) ? genai.model : {};
  const decoder = isJsonObject(model.decoder) ? model.decoder : {};
  if (Array.isArray(decoder.layer_types)) return { kinds: decoder.layer_types.map(String) };
  const window = isJsonObject(decoder.sliding_window) ? decoder.sliding_window : {};
  const { layers } = window;
  const count = number(decoder.num_hidden_layers);
  if (!Array.isArray(layers) || count === null || count > 4096) return { kinds: null };
  return {
    kinds: Array.from({ length: count }, (_, i) =>
      layers.includes(i) ? 'sliding_attention' : 'full_attention',
    ),
  };
}

function picked(part: JsonObject, keys: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    keys.flatMap((key) => {
      const value = number(part[key]);
      return value === null ? [] : [[key, value]];
    }),
  );
}

const number = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;

const isEntry = (value: unknown): value is Entry =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value);
