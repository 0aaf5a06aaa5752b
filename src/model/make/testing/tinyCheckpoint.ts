// Tiny checkpoints whose values follow from the names of their tensors, with likelihoods of
// Transformers: made by tools/make_made_graphs.py.

import type { JsonObject } from '../../../json.ts';
import type { ByteSource, Folder } from '../../../onnx/source.ts';
import { golden } from '../../../testing/fixtures.ts';

export interface TinyGolden {
  config: JsonObject;
  /** Name, shape, and the centre and half the width of the range of the values. */
  tensors: [name: string, shape: number[], center: number, scale: number][];
  window: number[];
  nll: number;
  /** NLL without each block. */
  without: number[];
}

/** By name of the case. */
export function tinyGoldens(): Record<string, TinyGolden> {
  return golden<Record<string, TinyGolden>>('made-graphs');
}

/** A folder in memory with config.json and model.safetensors (float32). */
export function tinyCheckpoint({ config, tensors }: TinyGolden): Folder {
  let offset = 0;
  const header: Record<string, unknown> = {};
  const parts = tensors.map(([name, shape, center, scale]) => {
    const data = new Uint8Array(valuesOf(name, shape, center, scale).buffer);
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.length] };
    offset += data.length;
    return data;
  });
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = new Uint8Array(8 + text.length);
  new DataView(start.buffer).setBigUint64(0, BigInt(text.length), true);
  start.set(text, 8);
  return memoryFolder({
    'config.json': new TextEncoder().encode(JSON.stringify(config)),
    'model.safetensors': joined([start, ...parts]),
  });
}

/** As values() of the maker. */
function valuesOf(name: string, shape: number[], center: number, scale: number): Float32Array {
  let hash = 2166136261;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 16777619) >>> 0;
  const values = new Float32Array(shape.reduce((n, size) => n * size, 1));
  for (let k = 0; k < values.length; k++) {
    let x = (Math.imul(k, 2654435761) + hash) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b) >>> 0;
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35) >>> 0;
    x = (x ^ (x >>> 16)) >>> 0;
    values[k] = center + scale * (x / 2147483648 - 1);
  }
  return values;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function memoryFolder(files: Readonly<Record<string, Uint8Array>>): Folder {
  const source = (data: Uint8Array): ByteSource => ({
    size: data.length,
    read: async (offset, length) => data.slice(offset, offset + length) as Uint8Array<ArrayBuffer>,
  });
  return {
    name: 'tiny',
    files: Object.entries(files).map(([path, { length }]) => ({ path, size: length })),
    open: (path) => (files[path] ? source(files[path]) : null),
  };
}
