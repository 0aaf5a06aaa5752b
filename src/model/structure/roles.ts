// What the inputs of a decoder graph stand for: by the names that genai_config.json gives them,
// else by the usual names.

import { isJsonObject, type JsonObject } from '../../json.ts';

/** `kept-logits`: how many rows of logits to compute. */
type InputRole =
  | 'tokens'
  | 'embeddings'
  | 'attention-mask'
  | 'positions'
  | 'token-types'
  | 'kept-logits';

/** The role of a graph input by its name, or null for a name without a meaning. */
export type RoleOf = (input: string) => InputRole | null;

/** Keys of `model.decoder.inputs` (onnxruntime-genai, src/config.h). */
const GENAI_KEYS: Readonly<Record<string, InputRole>> = {
  input_ids: 'tokens',
  inputs_embeds: 'embeddings',
  attention_mask: 'attention-mask',
  position_ids: 'positions',
};

const USUAL: Readonly<Record<string, InputRole>> = {
  input_ids: 'tokens',
  decoder_input_ids: 'tokens',
  tokens: 'tokens',
  ids: 'tokens',
  inputs_embeds: 'embeddings',
  input_embeds: 'embeddings',
  attention_mask: 'attention-mask',
  mask: 'attention-mask',
  position_ids: 'positions',
  cache_position: 'positions',
  token_type_ids: 'token-types',
  num_logits_to_keep: 'kept-logits',
  logits_to_keep: 'kept-logits',
};

/** Names of caches with %d in the place of the layer: the inputs, and the outputs that follow. */
export interface CacheNames {
  past: string;
  present: string;
}

/** What is known of the names of a graph. */
export interface GraphNames {
  roleOf: RoleOf;
  caches: readonly CacheNames[];
  /** The output of logits; null when no config names it. */
  logits: string | null;
}

const GENAI_CACHES = [
  ['past_key_names', 'present_key_names'],
  ['past_value_names', 'present_value_names'],
  ['past_names', 'present_names'],
] as const;

/** By genai_config.json where it names inputs and outputs, else by usual names. */
export function graphNames(genai: JsonObject | null): GraphNames {
  return { roleOf: inputRoles(genai), caches: cacheNames(genai), logits: logitsName(genai) };
}

function inputRoles(genai: JsonObject | null): RoleOf {
  const named = new Map<string, InputRole>();
  for (const [key, role] of Object.entries(GENAI_KEYS)) {
    const name = section(genai, 'inputs')?.[key];
    if (typeof name === 'string' && name !== '') named.set(name, role);
  }
  const taken = new Set(named.values());
  return (input) => {
    const own = named.get(input);
    if (own !== undefined) return own;
    const usual = Object.hasOwn(USUAL, input) ? USUAL[input]! : null;
    // Where the config names another input for a role, the usual name means nothing; a graph may
    // have both ids and embeddings.
    return usual !== null && taken.has(usual) ? null : usual;
  };
}

/** The caches that genai_config.json names by a template of its own. */
function cacheNames(genai: JsonObject | null): CacheNames[] {
  return GENAI_CACHES.flatMap(([input, output]) => {
    const past = section(genai, 'inputs')?.[input];
    const present = section(genai, 'outputs')?.[output];
    return typeof past === 'string' && typeof present === 'string' ? [{ past, present }] : [];
  });
}

function logitsName(genai: JsonObject | null): string | null {
  const name = section(genai, 'outputs')?.logits;
  return typeof name === 'string' && name !== '' ? name : null;
}

function section(genai: JsonObject | null, key: 'inputs' | 'outputs'): JsonObject | null {
  const model = genai?.model;
  const decoder = isJsonObject(model) ? model.decoder : null;
  const found = isJsonObject(decoder) ? decoder[key] : null;
  return isJsonObject(found) ? found : null;
}
