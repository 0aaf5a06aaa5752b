// The config.json of a GGUF model, made of its metadata: what Transformers says for the same model.
// Source: github.com/ggml-org/llama.cpp at 2bbcf7f: conversion/*.py (`set_gguf_parameters`) for
// what is written, src/models/*.cpp (`load_arch_hparams`) for what a missing key means.

import { EspalierError } from '../../../errors.ts';
import type { JsonObject } from '../../../json.ts';
import { shortName } from '../../../onnx/limits.ts';
import type { GgufMetadata } from '../../../tensors/gguf/metadata.ts';
import type { GgufFiles } from '../../../tensors/tensorFiles.ts';
import { GGUF_ARCHITECTURES } from './architectures.ts';
import { FAMILIES, type ModelFacts } from './families.ts';
import { requireKnownKeys } from './knownKeys.ts';
import { type RopeFactors, ropeScaling } from './rope.ts';
import { ArchitectureKeys } from './values.ts';

/**
 * The architecture that the file names.
 * @throws EspalierError `unsupported-graph` for one that is not read, and for files that are no
 *   whole language model; `corrupt-file` without one
 */
export function architectureOf(metadata: GgufMetadata): string {
  const general = new ArchitectureKeys(metadata, 'general');
  const type = general.text('general.type') ?? 'model';
  const arch = general.text('general.architecture');
  if (type !== 'model' || arch === 'clip')
    throw new EspalierError(
      'unsupported-graph',
      `This GGUF file is no language model (${noModel(type, arch)}).`,
      'Open the GGUF file of the language model itself.',
    );
  if (arch === null)
    throw new EspalierError(
      'corrupt-file',
      'The metadata lack general.architecture.',
      'Convert the model again with a current llama.cpp.',
    );
  if (!Object.hasOwn(GGUF_ARCHITECTURES, arch))
    throw new EspalierError(
      'unsupported-graph',
      `The architecture of this GGUF file is ${shortName(arch)}. These are read: ` +
        `${Object.keys(GGUF_ARCHITECTURES).join(', ')}.`,
      'Open the ONNX export of this model, or its checkpoint in safetensors.',
    );
  return arch;
}

function noModel(type: string, arch: string | null): string {
  if (Object.hasOwn(NO_MODEL, type)) return NO_MODEL[type]!;
  return arch === 'clip' ? NO_MODEL.mmproj! : `general.type is ${shortName(type)}`;
}

const NO_MODEL: Readonly<Record<string, string>> = {
  adapter: 'general.type is adapter: changes of a model, not the model',
  mmproj: 'it sees images or hears sounds for one',
  imatrix: 'general.type is imatrix: statistics for quantising one',
  vocab: 'general.type is vocab: a tokenizer without weights',
};

/**
 * The config of the model in the terms of Transformers 4.57.
 * @param factors of `readRopeFactors`
 * @throws EspalierError `unsupported-graph` for architectures, keys and values that change what the
 *   model computes and are not read; `corrupt-file` for missing keys and wrong types
 */
export function ggufConfig(files: GgufFiles, factors: RopeFactors = new Map()): JsonObject {
  const arch = architectureOf(files.metadata);
  const keys = new ArchitectureKeys(files.metadata, arch);
  requireKnownKeys(files.metadata, keys);
  const facts = factsOf(files, keys, factors);
  return { ...FAMILIES[arch]!(keys, facts), ...tokenIds(files.metadata), ...kept(facts) };
}

function kept({ tied }: ModelFacts): JsonObject {
  return { tie_word_embeddings: tied, torch_dtype: 'float32', use_cache: true };
}

function factsOf(files: GgufFiles, keys: ArchitectureKeys, factors: RopeFactors): ModelFacts {
  const embedding = files.tensors.get('token_embd.weight');
  if (!embedding)
    throw new EspalierError(
      'corrupt-file',
      'The model has no tensor token_embd.weight.',
      'It is damaged or not complete: download or convert it again.',
    );
  const hidden = keys.count('*.embedding_length');
  const heads = keys.count('*.attention.head_count');
  const headSize = keys.number('*.attention.key_length') ?? hidden / heads;
  const valueSize = keys.number('*.attention.value_length') ?? hidden / heads;
  if (!Number.isSafeInteger(headSize) || headSize < 1 || headSize !== valueSize)
    throw new EspalierError(
      'unsupported-graph',
      `The heads of this model have ${headSize} values for keys and ${valueSize} for values ` +
        `(${hidden} hidden values, ${heads} heads).`,
      'Espalier reads models whose heads have one whole size.',
    );
  const dimensions = keys.number('*.rope.dimension_count') ?? headSize;
  const theta = keys.number('*.rope.freq_base') ?? DEFAULT_BASE;
  const contextLength = keys.count('*.context_length');
  return {
    blocks: blocksOf(files, keys),
    hidden,
    inner: keys.count('*.feed_forward_length'),
    heads,
    keyValueHeads: keys.number('*.attention.head_count_kv') ?? heads,
    headSize,
    vocabulary: embedding.shape[0]!,
    contextLength,
    theta,
    rotary: dimensions,
    scaling: ropeScaling(keys, factors, { dimensions, theta, contextLength }),
    tied: !files.tensors.has('output.weight'),
    has: (name) => files.tensors.has(name),
  };
}

/** The number of blocks, with tensors for each. */
function blocksOf(files: GgufFiles, keys: ArchitectureKeys): number {
  const blocks = keys.count('*.block_count');
  const found = new Set<number>();
  for (const name of files.tensors.keys()) {
    const [, block] = /^blk\.(\d+)\./.exec(name) ?? [];
    if (block !== undefined) found.add(Number(block));
  }
  if (found.size === blocks && [...found].every((block) => block < blocks)) return blocks;
  throw new EspalierError(
    'corrupt-file',
    `The metadata say ${keys.key('*.block_count')} = ${blocks}, the tensors are of ` +
      `${found.size} blocks${found.size > 0 ? ` up to number ${Math.max(...found)}` : ''}.`,
    'Parts may be missing: download all of the model again.',
  );
}

/** `rope_freq_base_train` of llama.cpp where a file has none. */
const DEFAULT_BASE = 10_000;

function tokenIds(metadata: GgufMetadata): JsonObject {
  const tokenizer = new ArchitectureKeys(metadata, 'tokenizer');
  const ids = {
    bos_token_id: tokenizer.number('tokenizer.ggml.bos_token_id'),
    eos_token_id: tokenizer.number('tokenizer.ggml.eos_token_id'),
    pad_token_id: tokenizer.number('tokenizer.ggml.padding_token_id'),
  };
  return Object.fromEntries(Object.entries(ids).filter(([, id]) => id !== null));
}
