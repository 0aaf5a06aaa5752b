// GGUF files of llama.cpp's converter in the terms of Transformers: configs, names, shapes, and the
// values that the converter changed. tools/make_gguf_families.py makes the golden.

import { describe, expect, it } from 'vitest';
import { isJsonObject, type JsonObject } from '../../../json.ts';
import { BytesReader } from '../../../onnx/bytes.ts';
import { guardedFolder } from '../../../onnx/testing/hostile.ts';
import { GGUF_SCALARS } from '../../../tensors/gguf/metadata.ts';
import { readGguf } from '../../../tensors/gguf/read.ts';
import { ggufFile, type Pair } from '../../../tensors/testing/gguf.ts';
import { golden } from '../../../testing/fixtures.ts';
import { boundFloats } from '../bind.ts';
import type { NamedTensor } from '../weights.ts';
import { ggufConfig } from './config.ts';
import { ggufNames } from './names.ts';
import { readRopeFactors } from './rope.ts';

interface Family {
  config: JsonObject;
  metadata: Record<string, [type: string, value: unknown]>;
  /** Shapes outside the blocks and in the first one. */
  tensors: Record<string, number[]>;
  factors: Record<string, number[]>;
  parameters: Record<string, number[]>;
  /** Bytes in the file and in the model, of a smaller block. */
  changed?: Record<string, { tensor: string; shape: number[]; file: string; model: string }>;
}

const FAMILIES = Object.entries(golden<Record<string, Family>>('gguf-families'));

const pairOf = ([key, [type, value]]: [string, [string, unknown]]): Pair => [
  key,
  (GGUF_SCALARS as readonly string[]).indexOf(type),
  value,
];

/** The file without values, but for the rotary factors. */
async function opened({ metadata, tensors, factors }: Family) {
  const blocks = Number(
    Object.entries(metadata).find(([key]) => key.endsWith('.block_count'))?.[1][1],
  );
  const every = Object.entries(tensors).flatMap(([name, shape]) =>
    name.startsWith('blk.0.')
      ? Array.from({ length: blocks }, (_, i) => [name.replace('.0.', `.${i}.`), shape] as const)
      : [[name, shape] as const],
  );
  const bytes = ggufFile({
    pairs: Object.entries(metadata).map(pairOf),
    tensors: every.map(([name, shape]) => ({ name, type: 0, dims: [...shape].reverse() })),
  });
  const folder = guardedFolder({ 'm.gguf': bytes });
  const files = await readGguf(folder, 'm.gguf');
  for (const [name, values] of Object.entries(factors)) {
    const { offset, length } = files.tensors.get(name)!.data;
    bytes.set(new Uint8Array(new Float32Array(values).buffer, 0, length), offset);
  }
  const config = ggufConfig(files, await readRopeFactors(folder, files));
  return { config, named: ggufNames(files, config) };
}

/** Fields that say nothing about numbers, or the same as another. */
const PASSED_OVER = new Set([
  ...['transformers_version', 'initializer_range', 'use_cache', 'torch_dtype', 'dtype'],
  ...['attention_dropout', 'hidden_dropout', 'embd_pdrop', 'resid_pdrop', 'attn_pdrop'],
  ...['embedding_pdrop', 'classifier_dropout', 'embd_dropout', 'pretraining_tp'],
  ...['summary_activation', 'summary_first_dropout', 'summary_proj_to_labels', 'summary_type'],
  ...['summary_use_proj', 'max_window_layers', 'slow_but_exact', 'use_bidirectional_attention'],
  // Of the tokenizer, which the golden lacks.
  ...['bos_token_id', 'eos_token_id', 'pad_token_id'],
  // `layer_types` spells it out.
  ...['_sliding_window_pattern', 'sliding_window_pattern'],
  // Null means four times the hidden size, which the file has.
  'n_inner',
]);

/** What the config says otherwise than the one that was converted, with the same meaning. */
const OTHERWISE: Readonly<Record<string, JsonObject>> = {
  mistral: { model_type: 'llama', architectures: ['LlamaForCausalLM'], sliding_window: undefined },
  // The name `rotary_pct` is used.
  gpt_neox: { partial_rotary_factor: undefined },
  'gpt_neox-sequential': { partial_rotary_factor: undefined },
  phi3: { partial_rotary_factor: undefined },
  'phi3-longrope': { partial_rotary_factor: undefined },
};

/** Numbers of float32 as such; fields of objects in any order. */
function same(a: unknown, b: unknown): boolean {
  if (typeof a === 'number' && typeof b === 'number') return Math.fround(a) === Math.fround(b);
  if (!isJsonObject(a) || !isJsonObject(b)) return JSON.stringify(a) === JSON.stringify(b);
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((key) => same(a[key], b[key]));
}

describe('a GGUF file in the terms of Transformers', () => {
  it.each(FAMILIES)('%s: config.json and the names of all parameters', async (name, family) => {
    const { config, named } = await opened(family);
    const different = Object.entries({ ...family.config, ...OTHERWISE[name] })
      .filter(([key, value]) => !PASSED_OVER.has(key) && !same(config[key], value))
      .map(
        ([key, value]) => `${key}: ${JSON.stringify(config[key])}, not ${JSON.stringify(value)}`,
      );
    expect(different).toEqual([]);

    const shapes = [...named.values()]
      .filter(({ block }) => block === null || block === 0)
      .map((tensor) => [tensor.name, boundFloats(tensor).dims]);
    expect(Object.fromEntries(shapes)).toEqual(family.parameters);
  });

  it.each(FAMILIES.filter(([, { changed }]) => changed))(
    '%s: the values that the converter changed',
    async (_, family) => {
      const { named } = await opened(family);
      for (const [name, { tensor, shape, file, model }] of Object.entries(family.changed!)) {
        const bytes = new Uint8Array(Buffer.from(file, 'base64'));
        const { undo } = named.get(name)!;
        const stored = {
          name: tensor,
          type: 'F32',
          shape: undo.some(({ step }) => step === 'transpose') ? [...shape].reverse() : shape,
          data: { file: 'x', offset: 0, length: bytes.length },
        };
        const bound = boundFloats({ ...(named.get(name) as NamedTensor), stored });
        const reader = new BytesReader(guardedFolder({ x: bytes }));
        const have = await reader.open(bound.data).read(0, bound.data.length);
        const want = new Uint8Array(Buffer.from(model, 'base64'));
        expect(bound.dims).toEqual(shape);
        const [a, b] = [have, want].map((one) => [...new Float32Array(one.buffer)]);
        // What 1 + w lost is lost.
        const lost = undo.some(({ step }) => step === 'add') ? 2 ** -23 : 0;
        a!.forEach((value, i) => {
          expect(Math.abs(value - b![i]!)).toBeLessThanOrEqual(lost);
        });
      }
    },
  );
});
