// The fields of a config.json as a family reads them. What a family does not read, but others do,
// is refused: the graph would compute something else than the config says.

import type { EspalierError } from '../../errors.ts';
import { isJsonObject, type JsonObject } from '../../json.ts';
import { type Rope, type RopeDefaults, ropeOf } from './rope.ts';
import { refuse } from './ropeFields.ts';

/** What `ropeOf` reads in every config. */
const ROPE_FIELDS = [
  ...['rope_theta', 'rope_scaling', 'rope_parameters'],
  ...['partial_rotary_factor', 'original_max_position_embeddings'],
];

/** Largest size of anything: a dimension of a tensor has to fit 32 bits. */
const MAX_SIZE = 2 ** 31 - 1;

/** A config.json. `null` is as good as absent, as in Transformers. */
export class FamilyFields {
  readonly config: JsonObject;
  private readonly known = new Set<string>();

  constructor(config: JsonObject) {
    this.config = config;
  }

  /** The value of a field, which counts as read; undefined for null. */
  value(name: string): unknown {
    this.known.add(name);
    return this.config[name] ?? undefined;
  }

  /** A positive integer. @throws EspalierError `unsupported-graph` */
  size(name: string): number;
  size<T>(name: string, fallback: T): number | T;
  size(name: string, fallback?: unknown): unknown {
    const value = this.value(name) ?? fallback;
    if (value === undefined) throw this.refuse(name);
    if (value === fallback || (isInteger(value) && value > 0 && value <= MAX_SIZE)) return value;
    throw this.refuse(name);
  }

  /** A number that float32 has. @throws EspalierError `unsupported-graph` */
  number(name: string): number;
  number<T>(name: string, fallback: T): number | T;
  number(name: string, fallback?: unknown): unknown {
    const value = this.value(name) ?? fallback;
    if (value === undefined) throw this.refuse(name);
    if (value === fallback || (typeof value === 'number' && isFloat(value))) return value;
    throw this.refuse(name);
  }

  /** A number above 0 that float32 has, such as an epsilon. @throws as `number` */
  positive(name: string, fallback: number): number {
    const value = this.number(name, fallback);
    if (Math.fround(value) > 0) return value;
    throw this.refuse(name);
  }

  /** True for a field that is there, null or not: some defaults of Transformers are not null. */
  has(name: string): boolean {
    return this.config[name] !== undefined;
  }

  /**
   * The rotation, all of whose fields count as read.
   * @throws EspalierError `unsupported-graph`
   */
  rope(defaults: RopeDefaults): Rope {
    for (const name of ROPE_FIELDS) this.known.add(name);
    if (defaults.layerType) this.known.add('rope_local_base_freq');
    return ropeOf(this.config, defaults);
  }

  /** @throws EspalierError `unsupported-graph` for anything else than true and false */
  flag(name: string, fallback: boolean): boolean {
    const value = this.value(name) ?? fallback;
    if (typeof value === 'boolean') return value;
    throw this.refuse(name);
  }

  /** @throws EspalierError `unsupported-graph` */
  text(name: string, fallback: string): string {
    const value = this.value(name) ?? fallback;
    if (typeof value === 'string') return value;
    throw this.refuse(name);
  }

  /** A list with an entry for each block. @throws EspalierError `unsupported-graph` */
  perBlock(name: string, blocks: number): readonly unknown[] | null {
    const value = this.value(name);
    if (value === undefined) return null;
    if (Array.isArray(value) && value.length === blocks) return value;
    throw this.refuse(name);
  }

  /**
   * Refuses any other value than these, the first of which is the default.
   * @throws EspalierError `unsupported-graph`
   */
  only(name: string, ...values: readonly unknown[]): void {
    const value = this.value(name) ?? values[0];
    if (values.includes(value)) return;
    throw this.refuse(name);
  }

  /** @throws EspalierError `unsupported-graph` for a field that has a meaning in other families */
  refuseForeign(): void {
    for (const [name, neutral] of Object.entries(FOREIGN)) {
      const value = this.config[name] ?? undefined;
      if (this.known.has(name) || value === undefined || neutral(value)) continue;
      throw this.refuse(name);
    }
  }

  /** The error of a field with a value that no graph can be made for, or without one. */
  refuse(name: string): EspalierError {
    return refuse(name, this.config[name] ?? null);
  }
}

const isFloat = (value: number): boolean => Number.isFinite(Math.fround(value));
const isInteger = (value: unknown): value is number => Number.isInteger(value);

const isFalsy = (value: unknown): boolean => value === false || value === 0;
const isOne = (value: unknown): boolean => value === 1;
const isNone = (value: unknown): boolean => isFalsy(value) || isEmpty(value);
const isEmpty = (value: unknown): boolean =>
  Array.isArray(value) ? value.length === 0 : isJsonObject(value) && !Object.keys(value).length;

/**
 * Fields that change what some families compute, with the values that change nothing. A family
 * that does not read one of them would compute something else than the config says.
 */
const FOREIGN: Readonly<Record<string, (value: unknown) => boolean>> = {
  // Experts.
  num_experts: isNone,
  num_local_experts: isNone,
  n_routed_experts: isNone,
  moe_intermediate_size: isNone,
  moe_num_experts: isNone,
  // Attention.
  attn_logit_softcapping: isNone,
  final_logit_softcapping: isNone,
  clip_qkv: isNone,
  attention_chunk_size: isNone,
  alibi: isFalsy,
  use_alibi: isFalsy,
  multi_query: isFalsy,
  q_lora_rank: isNone,
  kv_lora_rank: isNone,
  use_bidirectional_attention: isFalsy,
  use_qk_norm: isFalsy,
  qk_layernorm: isFalsy,
  sliding_window: isNone,
  use_sliding_window: isFalsy,
  layer_types: (value) => Array.isArray(value) && value.every((type) => type === 'full_attention'),
  num_kv_shared_layers: isNone,
  // Positions.
  no_rope_layers: (value) => Array.isArray(value) && value.every((rope) => rope === 1),
  partial_rotary_factor: isOne,
  rotary_pct: isOne,
  rotary_dim: () => false,
  rotary_emb_base: () => false,
  rope_interleaved: isFalsy,
  rope_local_base_freq: () => false,
  // Multipliers.
  embedding_multiplier: isOne,
  residual_multiplier: isOne,
  attention_multiplier: () => false,
  logits_scaling: isOne,
  logit_scale: isOne,
  scale_depth: () => false,
  scale_emb: isOne,
  dim_model_base: () => false,
  mup_width_scale: isOne,
  // Blocks.
  use_parallel_residual: isFalsy,
  parallel_attn: isFalsy,
  cross_attention_layers: isNone,
  add_cross_attention: isFalsy,
  is_encoder_decoder: isFalsy,
};
