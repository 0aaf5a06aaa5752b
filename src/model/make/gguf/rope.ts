// Rotary positions of a GGUF model as `rope_scaling` of config.json. GGUF keeps the factors of
// llama3 and longrope as small tensors, which are read with the header.
// Source: github.com/ggml-org/llama.cpp at 2bbcf7f: conversion/llama.py (`generate_extra_tensors`),
// conversion/phi.py, ggml/src/ggml-cpu/ops.cpp (`rope_yarn`), src/llama-hparams.h.

import { EspalierError } from '../../../errors.ts';
import type { JsonObject } from '../../../json.ts';
import { type Folder, openFile } from '../../../onnx/source.ts';
import type { GgufFiles, StoredTensor } from '../../../tensors/tensorFiles.ts';
import { type ArchitectureKeys, shortestFloat32 } from './values.ts';

/** Factors by which rotary frequencies are divided, by the name of their tensor. */
export type RopeFactors = ReadonlyMap<string, readonly number[]>;

const FACTORS = ['rope_freqs.weight', 'rope_factors_short.weight', 'rope_factors_long.weight'];
/** Frequencies of one head: half of 1024 dimensions. */
const MAX_FACTORS = 512;

/**
 * Reads the tensors of rotary factors, some hundred bytes where there are any.
 * @throws EspalierError `corrupt-file` for other than a few float32 numbers above zero
 */
export async function readRopeFactors(folder: Folder, files: GgufFiles): Promise<RopeFactors> {
  const factors = new Map<string, readonly number[]>();
  for (const name of FACTORS) {
    const tensor = files.tensors.get(name);
    if (tensor) factors.set(name, await readFactors(folder, tensor));
  }
  return factors;
}

async function readFactors(
  folder: Folder,
  { name, type, shape, data }: StoredTensor,
): Promise<number[]> {
  const wrong = (what: string): EspalierError =>
    new EspalierError(
      'corrupt-file',
      `${data.file} has the rotary factors ${name} ${what}.`,
      'Convert the model again with a current llama.cpp.',
    );
  if (type !== 'F32' || shape.length !== 1 || shape[0]! > MAX_FACTORS)
    throw wrong(`of type ${type} and shape ${shape.join(' x ')}, not up to ${MAX_FACTORS} float32`);
  const bytes = await openFile(folder, data.file).read(data.offset, data.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const values = Array.from({ length: shape[0]! }, (_, i) => view.getFloat32(4 * i, true));
  const bad = values.find((value) => !(value > 0 && Number.isFinite(value)));
  if (bad !== undefined) throw wrong(`with ${bad}, which cannot divide a frequency`);
  return values.map(shortestFloat32);
}

/** What `rope_scaling` depends on besides the keys. */
export interface RopeFacts {
  /** Rotary dimensions of a head. */
  dimensions: number;
  /** Base of the frequencies. */
  theta: number;
  contextLength: number;
}

/**
 * `rope_scaling` of config.json; null for plain frequencies.
 * @throws EspalierError `unsupported-graph` naming the key and the value
 */
export function ropeScaling(
  keys: ArchitectureKeys,
  factors: RopeFactors,
  facts: RopeFacts,
): JsonObject | null {
  const type = keys.text('*.rope.scaling.type') ?? 'linear';
  const factor = keys.number('*.rope.scaling.factor') ?? keys.number('*.rope.scale_linear') ?? 1;
  const freqs = factors.get('rope_freqs.weight');
  const long = factors.get('rope_factors_long.weight');
  const short = factors.get('rope_factors_short.weight');
  const original = keys.number('*.rope.scaling.original_context_length') || null;
  if (long || short) return longRope(keys, long, short, factor, facts.contextLength);
  if (type === 'yarn' && !freqs) return yarn(keys, factor, original ?? facts.contextLength);
  requireNoAttentionFactor(keys);
  if (freqs) {
    if (type !== 'none' && factor !== 1 && factor !== 0)
      throw refused(keys, '*.rope.scaling.factor', factor, 'together with rope_freqs.weight');
    return llama3(freqs, facts) ?? divided(freqs, facts.contextLength);
  }
  if (type === 'none') return null;
  // Without its tensors longrope is linear to llama.cpp.
  if (type !== 'linear' && type !== 'longrope') throw refused(keys, '*.rope.scaling.type', type);
  return factor === 1 || factor === 0 ? null : { rope_type: 'linear', factor };
}

/** llama.cpp scales cosines and sines by it in every kind, Transformers in yarn and longrope. */
function requireNoAttentionFactor(keys: ArchitectureKeys): void {
  const attention = keys.number('*.rope.scaling.attn_factor') ?? 1;
  if (attention !== 1) throw refused(keys, '*.rope.scaling.attn_factor', attention);
}

function yarn(keys: ArchitectureKeys, factor: number, original: number): JsonObject | null {
  const betaFast = keys.number('*.rope.scaling.yarn_beta_fast');
  const betaSlow = keys.number('*.rope.scaling.yarn_beta_slow');
  const extension = keys.number('*.rope.scaling.yarn_ext_factor') ?? 1;
  // Below zero: not set.
  if (extension !== 1 && !(extension < 0))
    throw refused(keys, '*.rope.scaling.yarn_ext_factor', extension);
  const logarithm = keys.number('*.rope.scaling.yarn_log_multiplier') ?? 0;
  if (logarithm !== 0) throw refused(keys, '*.rope.scaling.yarn_log_multiplier', logarithm);
  if (factor === 1 || factor === 0) {
    requireNoAttentionFactor(keys);
    return null;
  }
  const usual = 0.1 * Math.log(factor) + 1;
  // The converter writes the factor of Transformers here, and llama.cpp takes the usual one.
  const whole = keys.number('*.rope.scaling.yarn_attn_factor') ?? 1;
  if (whole !== 1 && Math.abs(whole / usual - 1) > 1e-6)
    throw refused(keys, '*.rope.scaling.yarn_attn_factor', whole);
  // With it llama.cpp scales the blocks of Gemma 3 whose base is another as well.
  if (keys.arch === 'gemma3') requireNoAttentionFactor(keys);
  const attention = keys.number('*.rope.scaling.attn_factor') ?? 1;
  return {
    rope_type: 'yarn',
    factor,
    original_max_position_embeddings: original,
    // Otherwise Transformers takes 32, 1 and 0.1 ln(factor) + 1, as llama.cpp does.
    ...(betaFast !== null && { beta_fast: betaFast }),
    ...(betaSlow !== null && { beta_slow: betaSlow }),
    ...(attention !== 1 && { attention_factor: attention * usual }),
  };
}

function longRope(
  keys: ArchitectureKeys,
  long: readonly number[] | undefined,
  short: readonly number[] | undefined,
  factor: number,
  contextLength: number,
): JsonObject {
  if (!long || !short || long.length !== short.length)
    throw new EspalierError(
      'corrupt-file',
      `The model has ${long?.length ?? 'no'} long rotary factors and ${short?.length ?? 'no'} ` +
        'short ones.',
      'Convert the model again with a current llama.cpp.',
    );
  if (factor !== 1 && factor !== 0)
    throw refused(keys, '*.rope.scaling.factor', factor, 'together with rope_factors_long.weight');
  const attention = keys.number('*.rope.scaling.attn_factor') ?? 1;
  const original = keys.number('*.rope.scaling.original_context_length') ?? contextLength;
  const usual = Math.sqrt(1 + Math.log(contextLength / original) / Math.log(original));
  // Transformers takes the usual factor where none is said, and Phi-3 allows no word more.
  const isUsual = Math.abs(attention / (contextLength > original ? usual : 1) - 1) < 1e-6;
  return {
    type: 'longrope',
    short_factor: short,
    long_factor: long,
    ...(!isUsual && { attention_factor: attention }),
  };
}

/**
 * The settings of Llama 3 that give these factors, or null where others were used: then the
 * factors alone are known.
 */
function llama3(freqs: readonly number[], { dimensions, theta }: RopeFacts): JsonObject | null {
  const factor = Math.max(...freqs);
  const [low, high] = [1, 4];
  for (const original of [8192, 4096, 16_384, 32_768]) {
    const wanted = freqs.map((_, i) => {
      const wavelength = 2 * Math.PI * theta ** ((2 * i) / dimensions);
      if (wavelength < original / high) return 1;
      if (wavelength > original / low) return factor;
      const smooth = (original / wavelength - low) / (high - low);
      return 1 / ((1 - smooth) / factor + smooth);
    });
    if (freqs.every((value, i) => Math.abs(value / wanted[i]! - 1) < 1e-5))
      return {
        rope_type: 'llama3',
        factor,
        low_freq_factor: low,
        high_freq_factor: high,
        original_max_position_embeddings: original,
      };
  }
  return null;
}

/** Frequencies divided by factors at every length: longrope with one list for both. */
function divided(freqs: readonly number[], contextLength: number): JsonObject {
  return {
    rope_type: 'longrope',
    short_factor: freqs,
    long_factor: freqs,
    attention_factor: 1,
    original_max_position_embeddings: contextLength,
  };
}

function refused(keys: ArchitectureKeys, name: string, value: unknown, with_ = ''): EspalierError {
  return new EspalierError(
    'unsupported-graph',
    `The model has ${keys.key(name)} = ${value}${with_ && ` ${with_}`}, which Espalier cannot ` +
      'compute yet.',
    'Open the ONNX export of this model instead.',
  );
}
