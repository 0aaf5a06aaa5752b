// Rotary position embeddings as config.json describes them: the inverse frequencies and the factor
// of cos and sin for every kind of scaling, and the caches that GroupQueryAttention reads.

import { isJsonObject, type JsonObject } from '../../json.ts';
import { derive } from '../../onnx/bytes.ts';
import type { Bytes } from '../../onnx/source.ts';
import { type Fields, fieldsOf, refuse } from './ropeFields.ts';

/** How queries and keys are rotated. */
export interface Rotation {
  /** Radians per position, one for each pair of rotated dimensions (k, k + pairs). */
  inverseFrequencies: Float64Array;
  /** Cos and sin are multiplied with it. */
  attentionFactor: number;
}

/** The rotation of some blocks. */
export interface Rope extends Rotation {
  /** LongRoPE: the rotation of sequences longer than `original` tokens; otherwise null. */
  long: (Rotation & { original: number }) | null;
}

/** What the family says about a rotation, where the config may not. */
export interface RopeDefaults {
  /** Dimensions of a head. */
  headSize: number;
  /** `rope_theta` of a config without one. */
  theta: number;
  /** The part of a head that is rotated, of a config that does not say it. Default 1. */
  partial?: number;
  /**
   * `layer_types` of the blocks: transformers 5 may have `rope_parameters` for each type. Gemma 3
   * in transformers 4 has `rope_local_base_freq`, without scaling, for `sliding_attention`.
   */
  layerType?: string;
  /** `rope_scaling` of transformers 4 is of other blocks. */
  unscaled?: boolean;
  /** `original_max_position_embeddings` of a config that does not say it. Default none. */
  original?: number;
  /** Older names of kinds: Phi-3 was published with "su" and "yarn" for longrope. */
  synonyms?: Readonly<Record<string, string>>;
}

/** What one kind of scaling makes of the unscaled inverse frequencies. */
interface ScalingInput {
  plain: Float64Array;
  /** The base of the frequencies. */
  theta: number;
  /** `rope_scaling` or `rope_parameters`. */
  scaling: Fields;
  /** The config itself. */
  config: Fields;
}

const ORIGINAL = 'original_max_position_embeddings';

/**
 * The kinds of scaling by `rope_type`, with the fields that each reads.
 * @source huggingface/transformers, src/transformers/modeling_rope_utils.py (4.57.6), which names
 *   the papers: linear (kaiokendev), NTK (bloc97), YaRN (arXiv 2309.00071), LongRoPE (2402.13753)
 */
const KINDS: Record<string, { fields: readonly string[]; rope(input: ScalingInput): Rope }> = {
  default: { fields: [], rope: ({ plain }) => unscaled(plain) },
  /** Sections of a head for several axes; positions of text are equal on all of them. */
  mrope: { fields: ['mrope_section'], rope: ({ plain }) => unscaled(plain) },
  linear: {
    fields: ['factor'],
    rope({ plain, scaling }) {
      const factor = scaling.positive('factor');
      return unscaled(plain.map((frequency) => frequency / factor));
    },
  },
  /**
   * Changes nothing up to `max_position_embeddings`, and the caches end there: the base of longer
   * sequences depends on their length.
   */
  dynamic: {
    fields: ['factor', 'original_max_position_embeddings'],
    rope({ plain, scaling }) {
      scaling.positive('factor');
      return unscaled(plain);
    },
  },
  llama3: {
    fields: ['factor', 'low_freq_factor', 'high_freq_factor', 'original_max_position_embeddings'],
    rope: llama3,
  },
  yarn: {
    fields: [
      'factor',
      'attention_factor',
      'beta_fast',
      'beta_slow',
      'mscale',
      'mscale_all_dim',
      'original_max_position_embeddings',
      'truncate',
      'finetuned',
    ],
    rope: yarn,
  },
  longrope: {
    fields: [
      'factor',
      'attention_factor',
      'short_factor',
      'long_factor',
      'original_max_position_embeddings',
    ],
    rope: longRope,
  },
};

const ALWAYS = ['type', 'rope_type', 'rope_theta', 'partial_rotary_factor', 'mrope_section'];

/**
 * The rotation that a config describes, in the words of transformers 4 (`rope_theta`,
 * `rope_scaling`, `partial_rotary_factor`; GPT-NeoX: `rotary_emb_base`, `rotary_pct`) or 5
 * (`rope_parameters`).
 * @throws EspalierError `unsupported-graph` naming the field: a kind or a field of it that is not
 *   known, a value that is none
 */
export function ropeOf(config: JsonObject, defaults: RopeDefaults): Rope {
  const { original } = defaults;
  const whole = fieldsOf(original === undefined ? config : { [ORIGINAL]: original, ...config });
  const { scaling, local } = scalingOf(config, defaults);
  const theta = local ? whole.positive('rope_local_base_freq') : thetaOf(whole, scaling, defaults);
  const plain = plainFrequencies(rotatedOf(whole, scaling, defaults), theta);
  if (local) return unscaled(plain);
  const said = scaling.text('rope_type') ?? scaling.text('type') ?? 'default';
  const type = defaults.synonyms?.[said] ?? said;
  const kind = Object.hasOwn(KINDS, type) ? KINDS[type] : undefined;
  if (!kind) throw refuse(scaling.name(scaling.text('rope_type') ? 'rope_type' : 'type'), said);
  for (const name of scaling.names()) {
    if (!ALWAYS.includes(name) && !kind.fields.includes(name) && scaling.value(name) !== null)
      throw refuse(scaling.name(name), scaling.value(name));
  }
  return kind.rope({ plain, theta, scaling, config: whole });
}

/**
 * The tables of cos and sin, float32 (positions, pairs), computed in float64 when they are read:
 * equal rotations share one pair of tables.
 */
export function ropeCaches(
  { inverseFrequencies, attentionFactor }: Rotation,
  positions: number,
): { cos: Bytes; sin: Bytes; dims: [number, number] } {
  const frequencies = new Uint8Array(inverseFrequencies.slice().buffer);
  const cache = (of: 'cos' | 'sin'): Bytes =>
    derive('rotary-cache', [frequencies], `the ${of} of rotary positions`, {
      of,
      positions,
      factor: attentionFactor,
    });
  return { cos: cache('cos'), sin: cache('sin'), dims: [positions, inverseFrequencies.length] };
}

/** True when both rotate alike. */
function sameRotation(a: Rotation, b: Rotation): boolean {
  return (
    a.attentionFactor === b.attentionFactor &&
    a.inverseFrequencies.length === b.inverseFrequencies.length &&
    a.inverseFrequencies.every((frequency, k) => frequency === b.inverseFrequencies[k])
  );
}

/** The object that says how blocks of a type are scaled; `local` where none is. */
function scalingOf(
  config: JsonObject,
  { layerType, unscaled }: RopeDefaults,
): { scaling: Fields; local: boolean } {
  const parameters = config.rope_parameters;
  if (isJsonObject(parameters)) {
    requireOneScaling(parameters, config.rope_scaling);
    const own = layerType === undefined ? undefined : parameters[layerType];
    if (isJsonObject(own))
      return { scaling: fieldsOf(own, `rope_parameters.${layerType}`), local: false };
    const nested = Object.keys(parameters).find((key) => isJsonObject(parameters[key]));
    if (nested !== undefined && layerType !== undefined)
      throw refuse(`rope_parameters.${layerType}`, null);
    return { scaling: fieldsOf(parameters, 'rope_parameters'), local: false };
  }
  if (parameters !== undefined && parameters !== null) throw refuse('rope_parameters', parameters);
  const local = layerType === 'sliding_attention' && config.rope_local_base_freq !== undefined;
  const scaling = (unscaled ? null : config.rope_scaling) ?? {};
  if (!isJsonObject(scaling)) throw refuse('rope_scaling', scaling);
  return { scaling: fieldsOf(scaling, 'rope_scaling'), local };
}

/** Of both, Transformers 4 reads `rope_scaling` alone, and 5 makes one of them. */
function requireOneScaling(parameters: JsonObject, scaling: unknown): void {
  const said = Object.entries(isJsonObject(scaling) ? scaling : {});
  const same = ([key, value]: [string, unknown]): boolean =>
    JSON.stringify(parameters[key === 'type' ? 'rope_type' : key]) === JSON.stringify(value);
  if (!said.every(same)) throw refuse('rope_scaling', scaling);
}

function thetaOf(config: Fields, scaling: Fields, { theta }: RopeDefaults): number {
  return (
    scaling.positiveOr('rope_theta', null) ??
    config.positiveOr('rotary_emb_base', null) ??
    config.positiveOr('rope_theta', theta)
  );
}

/** Dimensions of a head that are rotated. */
function rotatedOf(
  config: Fields,
  scaling: Fields,
  { headSize, partial = 1 }: RopeDefaults,
): number {
  const [from, name] =
    scaling.value('partial_rotary_factor') !== null
      ? [scaling, 'partial_rotary_factor']
      : [config, config.value('rotary_pct') !== null ? 'rotary_pct' : 'partial_rotary_factor'];
  const rotated = Math.trunc(headSize * from.positiveOr(name, partial));
  if (rotated < 2 || rotated > headSize || rotated % 2 !== 0)
    throw refuse(from.name(name), from.value(name) ?? `${headSize} dimensions`);
  return rotated;
}

function plainFrequencies(rotated: number, theta: number): Float64Array {
  return Float64Array.from({ length: rotated / 2 }, (_, k) => theta ** ((-2 * k) / rotated));
}

function unscaled(inverseFrequencies: Float64Array): Rope {
  return { inverseFrequencies, attentionFactor: 1, long: null };
}

/** Long waves by the factor, short ones not, a linear blend in between. */
function llama3({ plain, scaling, config }: ScalingInput): Rope {
  const factor = scaling.positive('factor');
  const low = scaling.positive('low_freq_factor');
  const high = scaling.positive('high_freq_factor');
  if (high <= low) throw refuse(scaling.name('high_freq_factor'), high);
  const original = originalPositions(scaling, config);
  return unscaled(
    plain.map((frequency) => {
      const waves = (original * frequency) / (2 * Math.PI);
      const kept = Math.min(1, Math.max(0, (waves - low) / (high - low)));
      return (frequency / factor) * (1 - kept) + frequency * kept;
    }),
  );
}

/** NTK by parts: a linear ramp over the dimensions between `beta_fast` and `beta_slow` turns. */
function yarn({ plain, theta, scaling, config }: ScalingInput): Rope {
  const original = originalPositions(scaling, config);
  const factor = scaling.positiveOr(
    'factor',
    config.positive('max_position_embeddings') / original,
  );
  const rotated = 2 * plain.length;
  const dimension = (turns: number): number =>
    (rotated * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const whole = scaling.value('truncate') !== false;
  const first = dimension(scaling.positiveOr('beta_fast', 32));
  const last = dimension(scaling.positiveOr('beta_slow', 1));
  const from = Math.max(0, whole ? Math.floor(first) : first);
  const end = Math.min(rotated - 1, whole ? Math.ceil(last) : last);
  const to = from === end ? end + 0.001 : end;
  return {
    inverseFrequencies: plain.map((frequency, k) => {
      const interpolated = Math.min(1, Math.max(0, (k - from) / (to - from)));
      return (frequency / factor) * interpolated + frequency * (1 - interpolated);
    }),
    attentionFactor: scaling.positiveOr('attention_factor', yarnFactor(factor, scaling)),
    long: null,
  };
}

function yarnFactor(factor: number, scaling: Fields): number {
  const mscale = (by: number): number => (factor <= 1 ? 1 : 0.1 * by * Math.log(factor) + 1);
  const one = scaling.number('mscale') ?? 0;
  const all = scaling.number('mscale_all_dim') ?? 0;
  return one && all ? mscale(one) / mscale(all) : mscale(1);
}

/** A factor for each frequency, others beyond the length that the model was first trained on. */
function longRope({ plain, scaling, config }: ScalingInput): Rope {
  const positions = config.positive('max_position_embeddings');
  const declared = config.positiveOr(ORIGINAL, null);
  const nested = scaling.positiveOr(ORIGINAL, positions);
  // Transformers 4 passes it over in its own words, 5 goes by it.
  if (declared === null && nested !== positions && config.value('rope_scaling') !== null)
    throw refuse(scaling.name(ORIGINAL), nested);
  const original = declared ?? originalPositions(scaling, config);
  if (!Number.isInteger(original))
    throw refuse((declared === null ? scaling : config).name(ORIGINAL), original);
  const ratio = positions / original;
  const factor = declared === null ? scaling.positiveOr('factor', ratio) : ratio;
  const computed = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
  const attentionFactor = scaling.positiveOr('attention_factor', computed);
  const scaled = (name: string): Rotation => {
    const factors = scaling.positives(name);
    if (factors.length !== plain.length)
      throw refuse(scaling.name(name), `${factors.length} numbers for ${plain.length} frequencies`);
    return { inverseFrequencies: plain.map((f, k) => f / factors[k]!), attentionFactor };
  };
  const [short, long] = [scaled('short_factor'), scaled('long_factor')];
  const alike = positions <= original || sameRotation(short, long);
  return { ...short, long: alike ? null : { ...long, original } };
}

function originalPositions(scaling: Fields, config: Fields): number {
  return scaling.positiveOr(
    'original_max_position_embeddings',
    config.positive('max_position_embeddings'),
  );
}
