// Counts and periods by which configs say what kind of layer each one is ("every 4th layer has full
// attention"), and what they become when layers go. Keys are those of Hugging Face configs.

/** A parsed JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** Which layers of `n` stay, ascending. */
export interface Kept {
  n: number;
  keep: readonly number[];
}

/** New values of keys of a config, and what it cannot say any more, as sentences. */
export interface PatternChange {
  changed: JsonObject;
  remarks: string[];
}

/** Keys that count layers from the beginning: the first k of them are different. */
const FIRST_LAYERS: readonly string[] = [
  'first_k_dense_replace',
  'num_dense_layers',
  'n_dense_layers',
  'max_window_layers',
  'moe_layer_start_index',
];

/** Keys that count layers from the end: the last k of them are different. */
const LAST_LAYERS: readonly string[] = ['num_kv_shared_layers'];

/** A period, what it says of layer i, and the explicit list that is read in its place. */
interface Period {
  key: string;
  /** The kind of layer i, or null when the config does not use the period. */
  kind(config: JsonObject, period: number, layer: number): Json;
  /** What stands for these kinds: keys with their values; null when no key can. */
  explicit?(kinds: readonly Json[], config: JsonObject): JsonObject | null;
  /** Keys of explicit lists that take precedence over the period. */
  instead: readonly string[];
}

const LAYER_TYPES = (kinds: readonly Json[]): JsonObject => ({ layer_types: [...kinds] });

const PERIODS: readonly Period[] = [
  {
    key: 'full_attention_interval',
    kind: (_, period, i) => ((i + 1) % period === 0 ? 'full_attention' : 'linear_attention'),
    explicit: LAYER_TYPES,
    instead: ['layer_types'],
  },
  {
    key: 'sliding_window_pattern',
    kind: (_, period, i) => ((i + 1) % period === 0 ? 'full_attention' : 'sliding_attention'),
    explicit: LAYER_TYPES,
    instead: ['layer_types'],
  },
  {
    key: '_sliding_window_pattern',
    kind: (_, period, i) => ((i + 1) % period === 0 ? 'full_attention' : 'sliding_attention'),
    explicit: LAYER_TYPES,
    instead: ['layer_types'],
  },
  {
    key: 'no_rope_layer_interval',
    kind: (_, period, i) => ((i + 1) % period === 0 ? 0 : 1),
    explicit: (kinds) => ({ no_rope_layers: [...kinds] }),
    instead: ['no_rope_layers'],
  },
  {
    key: 'interleave_moe_layer_step',
    kind: (_, period, i) => (i + 1) % period === 0,
    explicit: (kinds) => ({ moe_layers: kinds.flatMap((moe, i) => (moe === true ? [i] : [])) }),
    instead: ['moe_layers'],
  },
  {
    // A layer is dense when mlp_only_layers names it or the step leaves it out.
    key: 'decoder_sparse_step',
    kind: ({ mlp_only_layers: dense }, period, i) =>
      !(Array.isArray(dense) && dense.includes(i)) && (i + 1) % period === 0,
    explicit: (kinds) => ({
      decoder_sparse_step: 1,
      mlp_only_layers: kinds.flatMap((moe, i) => (moe === true ? [] : [i])),
    }),
    instead: [],
  },
  {
    key: 'attn_layer_period',
    kind: ({ attn_layer_offset: offset }, period, i) => i % period === asNumber(offset),
    instead: [],
  },
  {
    key: 'expert_layer_period',
    kind: ({ expert_layer_offset: offset }, period, i) => i % period === asNumber(offset),
    instead: [],
  },
  { key: 'moe_layer_freq', kind: (_, period, i) => i % period === 0, instead: [] },
  { key: 'moe_layer_frequency', kind: (_, period, i) => i % period === 0, instead: [] },
  { key: 'moe_layer_interval', kind: (_, period, i) => (i + 1) % period === 0, instead: [] },
  { key: 'global_attn_every_n_layers', kind: (_, period, i) => i % period === 0, instead: [] },
  { key: 'cross_attention_freq', kind: (_, period, i) => i % period === 0, instead: [] },
  { key: 'layer_group_size', kind: (_, period, i) => (i + 1) % period === 0, instead: [] },
];

/**
 * What a config says by counts and periods when only the layers `keep` stay. A period that the
 * remaining layers no longer follow is replaced by the explicit list that its families read in its
 * place; where there is none, a remark says so.
 */
export function prunedPatterns(config: JsonObject, { n, keep }: Kept): PatternChange {
  const changed: JsonObject = {};
  const remarks: string[] = [];
  const set = (key: string, value: Json): void => {
    if (config[key] !== value) changed[key] = value;
  };
  for (const key of FIRST_LAYERS) {
    const count = layerCount(config[key]);
    if (count !== null) set(key, count >= n ? count : keep.filter((i) => i < count).length);
  }
  for (const key of LAST_LAYERS) {
    const count = layerCount(config[key]);
    if (count !== null) set(key, keep.filter((i) => i >= n - count).length);
  }
  // Inclusive; -1 stands for the last layer.
  const end = layerCount(config.moe_layer_end_index);
  if (end !== null) set('moe_layer_end_index', keep.filter((i) => i <= end).length - 1);
  for (const { key, kind, explicit, instead } of PERIODS) {
    const period = layerCount(config[key]);
    // The pattern of kinds in a string ("LLLG") is a list; see the caller.
    if (period === null || period < 1 || instead.some((list) => isSet(config[list]))) continue;
    const kinds = keep.map((i) => kind(config, period, i));
    const would = { ...config, ...indexLists(config, keep) };
    if (kinds.every((wanted, i) => kind(would, period, i) === wanted)) continue;
    const list = explicit?.(kinds, config) ?? null;
    if (list) Object.assign(changed, list);
    remarks.push(
      list
        ? `${key} (${period}) does not describe the layers that are left: ` +
            `${Object.keys(list).join(' and ')} does, which tools that read only ${key} miss.`
        : `${key} (${period}) does not describe the layers that are left, and the config has no ` +
            'key that could: tools that rebuild the model from it would give another one.',
    );
  }
  return { changed, remarks };
}

/** The dense layers of a config in their new numbering, for its period to be held against. */
function indexLists({ mlp_only_layers: dense }: JsonObject, keep: readonly number[]): JsonObject {
  if (!Array.isArray(dense)) return {};
  return {
    mlp_only_layers: dense.flatMap((i) => {
      const to = typeof i === 'number' ? keep.indexOf(i) : -1;
      return to >= 0 ? [to] : [];
    }),
  };
}

/** A whole number of layers; null for anything else. */
function layerCount(value: Json | undefined): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

function asNumber(value: Json | undefined): number {
  return typeof value === 'number' ? value : 0;
}

function isSet(value: Json | undefined): boolean {
  return Array.isArray(value) && value.length > 0;
}
