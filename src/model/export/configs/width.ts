// The fields of config.json and genai_config.json that say how wide a block is.

import { isJsonObject } from '../../../json.ts';
import type { ModelConfig } from '../../structure/config.ts';
import type { Structure } from '../../structure/structure.ts';
import { widthBlocks } from '../../width/find.ts';
import type { WidthPlan } from '../../width/types.ts';
import { edited } from './config.ts';
import type { JsonObject } from './layerPatterns.ts';

const HEADS = ['num_attention_heads', 'n_head', 'n_heads', 'num_heads'];
const GROUPS = ['num_key_value_heads', 'num_kv_heads', 'n_head_kv'];
const HEAD_SIZE = ['head_dim', 'head_size'];
const CHANNELS = ['intermediate_size', 'ffn_dim', 'ffn_hidden_size', 'n_inner', 'd_ff'];

/** Families whose n_inner is four times the hidden size where it is null or absent. */
const INNER_BY_DEFAULT: ReadonlySet<string> = new Set(['gpt2', 'gptj', 'gpt_bigcode', 'codegen']);

/**
 * Families that read a head size of its own, where the hidden size is not all heads together.
 * Source: transformers 4.57, src/transformers/models, the attention of each.
 */
const OWN_HEAD_SIZE: ReadonlySet<string> = new Set(
  (
    'apertus arcee bitnet cohere cohere2 diffllama doge dots1 ernie4_5 ernie4_5_moe exaone4 ' +
    'falcon_h1 flex_olmo gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text glm glm4 glm4_moe ' +
    'gpt_oss granite hunyuan_v1_dense hunyuan_v1_moe lfm2 llama llama4 llama4_text ' +
    'ministral mistral mixtral nemotron olmo olmo2 olmo3 phi phi3 qwen2 qwen3 qwen3_moe ' +
    'seed_oss smollm3 starcoder2 vaultgemma'
  ).split(' '),
);

/** Families that have a head size, but whose heads together must be as wide as the model. */
const SQUARE: ReadonlySet<string> = new Set(['helium', 'qwen2_moe']);

/** The widths of every block of a narrower model; null for a half that keeps its width. */
export interface NarrowWidths {
  attention: { heads: Change; groups: Change; headSize: number } | null;
  channels: Change | null;
}

interface Change {
  /** Of the source. */
  from: number;
  to: number;
}

/** @returns null where blocks differ, which no config can say */
export function narrowWidths(structure: Structure, plan: WidthPlan): NarrowWidths | null {
  const found = widthBlocks(structure).map(({ attention, feedForward }, block): NarrowWidths => {
    const { groups = [], channels = [] } = plan.blocks[block] ?? {};
    const change = (of: number, removed: readonly number[], times = 1): Change => ({
      from: of * times,
      to: (of - removed.length) * times,
    });
    return {
      attention:
        attention && groups.length > 0
          ? {
              heads: change(attention.groups, groups, attention.queriesPerGroup),
              groups: change(attention.groups, groups),
              headSize: attention.headSize,
            }
          : null,
      channels: feedForward && channels.length > 0 ? change(feedForward.channels, channels) : null,
    };
  });
  const [first] = found;
  const same = new Set(found.map((widths) => JSON.stringify(widths))).size === 1;
  return first && same ? first : null;
}

/** Why the configs cannot say the widths, as a sentence, or null. */
export function configsObstacle(
  plan: WidthPlan,
  { raw, family }: Pick<ModelConfig, 'raw' | 'family'>,
  structure: Structure,
): string | null {
  const widths = narrowWidths(structure, plan);
  if (!widths)
    return 'The blocks have different widths, and configs have one number for all blocks.';
  if (!raw.config) return null;
  const found = sectionsOf(raw.config as JsonObject).map((one) => narrowFields(one, widths));
  const fields = found.find((one) => typeof one === 'string');
  if (fields === undefined) return null;
  return (
    `The config of the family ${family} ${fields}: such a model can be measured here, not ` +
    'written.'
  );
}

/** config.json with the widths, in the section that describes the language model. */
export function narrowConfigJson(text: string, widths: NarrowWidths | null): string {
  if (!widths) return text;
  return edited(text, 'config.json', (config) => {
    const changed: JsonObject = { ...config };
    for (const section of sectionsOf(config)) {
      const fields = narrowFields(section, widths);
      if (typeof fields === 'string') return config;
      const around = Object.entries(config).find(([, value]) => value === section);
      if (around) changed[around[0]] = { ...section, ...fields };
      else Object.assign(changed, fields);
    }
    return changed;
  });
}

/** genai_config.json with the widths of its decoder; it says nothing of channels. */
export function narrowGenaiJson(text: string, widths: NarrowWidths | null): string {
  const attention = widths?.attention;
  if (!attention) return text;
  return edited(text, 'genai_config.json', (config) => {
    const { model } = config;
    if (!isObject(model) || !isObject(model.decoder)) return config;
    const { heads, groups, headSize } = attention;
    const decoder = {
      ...model.decoder,
      num_attention_heads: heads.to,
      num_key_value_heads: groups.to,
      head_size: headSize,
    };
    return { ...config, model: { ...model, decoder } };
  });
}

const isObject = (value: unknown): value is JsonObject => isJsonObject(value);

/** Configs of the language model inside a larger one. */
const NESTED = ['text_config', 'language_config', 'llm_config', 'decoder'];

/** All that describe the language model: a config may say it around a section and in it. */
function sectionsOf(config: JsonObject): JsonObject[] {
  const nested = NESTED.map((key) => config[key]).filter(isObject);
  const all = [config, ...nested.slice(0, 1)];
  const saying = all.filter((one) => HEADS.some((key) => typeof one[key] === 'number'));
  return saying.length > 0 ? saying : all.slice(-1);
}

/** The fields that change; what cannot be said, as the end of a sentence. */
function narrowFields(
  config: JsonObject,
  { attention, channels }: NarrowWidths,
): JsonObject | string {
  const type = typeof config.model_type === 'string' ? config.model_type : '';
  const ofChannels = channels ? channelFields(config, type, channels) : {};
  if (typeof ofChannels === 'string') return ofChannels;
  const ofAttention = attention ? attentionFields(config, type, attention) : {};
  return typeof ofAttention === 'string' ? ofAttention : { ...ofChannels, ...ofAttention };
}

function channelFields(
  config: JsonObject,
  type: string,
  { from, to }: Change,
): JsonObject | string {
  // LFM2 makes its number of channels of the one it says, unless it is told not to.
  // Source: transformers 4.57, models/lfm2.
  if (type === 'lfm2') {
    const own = typeof config.block_ff_dim === 'number' ? { block_ff_dim: to } : {};
    return { intermediate_size: to, ...own, block_auto_adjust_ff_dim: false };
  }
  const inner = INNER_BY_DEFAULT.has(type);
  const said = changed(config, inner ? ['n_inner'] : CHANNELS, { from, to }, 'channels');
  return said ?? (inner ? { n_inner: to } : 'has no number for the channels of the feed-forward');
}

function attentionFields(
  config: JsonObject,
  type: string,
  { heads, groups, headSize }: NonNullable<NarrowWidths['attention']>,
): JsonObject | string {
  const ofHeads = changed(config, HEADS, heads, 'heads');
  const ofGroups = changed(config, GROUPS, groups, 'key-value heads');
  const size = { from: headSize, to: headSize };
  const ofSize = changed(config, HEAD_SIZE, size, 'numbers in a head');
  if (!ofHeads) return 'has no number for the heads of the attention';
  if (!ofGroups && heads.from !== groups.from) return 'has no number for key-value heads';
  if (SQUARE.has(type)) return 'has all heads together as wide as the model';
  if (!ofSize && !OWN_HEAD_SIZE.has(type)) return 'has no head size of its own';
  const all = [ofHeads, ofGroups ?? {}, ofSize ?? { head_dim: headSize }];
  return all.find((one) => typeof one === 'string') ?? Object.assign({}, ...all);
}

/**
 * The keys that say what the graph has, with the new number; null where none of them is there. A
 * number that is not that of the graph means something else: a sentence's end then.
 */
function changed(
  config: JsonObject,
  keys: readonly string[],
  { from, to }: Change,
  what: string,
): JsonObject | string | null {
  const there = keys.filter((key) => typeof config[key] === 'number');
  const right = there.filter((key) => config[key] === from);
  if (right.length > 0) return Object.fromEntries(right.map((key) => [key, to]));
  const [first] = there;
  return first ? `has ${first} ${config[first]}, and the graph ${from} ${what}` : null;
}
