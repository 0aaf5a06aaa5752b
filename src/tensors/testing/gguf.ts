// GGUF fixtures and files made of parts, for tests.

import { readFileSync } from 'node:fs';
import { fixturePath, golden } from '../../testing/fixtures.ts';
import { GGML_TYPES } from '../gguf/types.ts';

/** The goldens of a GGUF fixture, as far as tests read them; tools/README.md describes them. */
export interface GgufGolden {
  file: string;
  numBlocks: number;
  windows: number[][];
  metadata: Record<string, unknown>;
  tensorTypes: Record<string, string[]>;
  nllTol: number;
  logitTol: number;
  /** PyTorch in float32 on the dequantised weights. */
  nllFloat: { blocks: number[]; 'without 1 and 3': number };
  pruned: {
    removed: number[];
    nll: number;
    promptIds: number[];
    greedy: number[];
    greedyMargins: number[];
  }[];
  prunedFile: {
    removed: number[];
    metadata: Record<string, unknown>;
    tensors: Record<string, { type: string; shape: number[]; sha256: string }>;
  };
}

export function ggufFixtures(): string[] {
  return [
    'gguf-llama-f32',
    'gguf-llama-f16',
    'gguf-llama-q8_0',
    'gguf-llama-q4_0',
    'gguf-llama-q4_1',
    'gguf-llama256-q4_k_m',
    'gguf-qwen2-q8_0',
    'gguf-qwen3-q8_0',
    'gguf-gemma3-q8_0',
  ];
}

export function fixtureBytes(name: string): {
  golden: GgufGolden;
  file: string;
  bytes: Uint8Array;
} {
  const of = golden<GgufGolden>(name);
  return {
    golden: of,
    file: of.file,
    bytes: new Uint8Array(readFileSync(fixturePath(`${name}/${of.file}`))),
  };
}

/** A key, the number of its type with its value, or that of its entries with them. */
export type Pair = readonly [
  key: string,
  type: number | readonly [of: number, values: readonly unknown[]],
  value: unknown,
];

/** A file as it is said to be, right or wrong. */
export interface GgufParts {
  magic?: string;
  version?: number;
  pairs?: readonly Pair[];
  pairCount?: bigint;
  tensorCount?: bigint;
  /** Dimensions as in the file, the row first; placed one after the other unless `offset` says. */
  tensors?: readonly { name: string; type: number; dims: readonly number[]; offset?: number }[];
}

/** The bytes of a GGUF file, whose tensors are filled with 1, 2, 3 and so on. */
export function ggufFile(parts: GgufParts): Uint8Array<ArrayBuffer> {
  const { pairs = [], tensors = [] } = parts;
  const out: number[] = [];
  const put = (bytes: number, set: (view: DataView) => void): void => {
    const view = new DataView(new ArrayBuffer(bytes));
    set(view);
    out.push(...new Uint8Array(view.buffer));
  };
  const u32 = (n: number): void => put(4, (view) => view.setUint32(0, n, true));
  const u64 = (n: bigint | number): void => put(8, (view) => view.setBigUint64(0, BigInt(n), true));
  const text = (value: string): void => {
    const bytes = new TextEncoder().encode(value);
    u64(bytes.length);
    out.push(...bytes);
  };
  const scalar = (type: number, value: never): void => {
    if (type === 8) text(value);
    else put(SIZES[type] ?? 4, (view) => SETTERS[type]?.(view, value));
  };
  const alignment = (pairs.find(([key]) => key === 'general.alignment')?.[2] as number) ?? 32;
  const aligned = (at: number): number => Math.ceil(at / alignment) * alignment;

  out.push(...new TextEncoder().encode(parts.magic ?? 'GGUF'));
  u32(parts.version ?? 3);
  u64(parts.tensorCount ?? BigInt(tensors.length));
  u64(parts.pairCount ?? BigInt(pairs.length));
  for (const [key, type, value] of pairs) {
    text(key);
    if (typeof type === 'number') {
      u32(type);
      scalar(type, value as never);
    } else {
      u32(9);
      u32(type[0]);
      u64(type[1].length);
      for (const one of type[1]) scalar(type[0], one as never);
    }
  }
  let end = 0;
  for (const { name, type, dims, offset } of tensors) {
    text(name);
    u32(dims.length);
    for (const dim of dims) u64(dim);
    u32(type);
    u64(offset ?? end);
    const { values, bytes } = GGML_TYPES.get(type) ?? { values: 1, bytes: 4 };
    end = aligned(end + (dims.reduce((a, b) => a * b, 1) / values) * bytes);
  }
  const start = aligned(out.length);
  const file = new Uint8Array(start + end);
  file.set(out);
  for (let i = start; i < file.length; i++) file[i] = i - start + 1;
  return file;
}

const SIZES: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
};

const SETTERS: Readonly<Record<number, (view: DataView, value: never) => void>> = {
  0: (view, value) => view.setUint8(0, value),
  1: (view, value) => view.setInt8(0, value),
  2: (view, value) => view.setUint16(0, value, true),
  3: (view, value) => view.setInt16(0, value, true),
  4: (view, value) => view.setUint32(0, value, true),
  5: (view, value) => view.setInt32(0, value, true),
  6: (view, value) => view.setFloat32(0, value, true),
  7: (view, value) => view.setUint8(0, value ? 1 : 0),
  10: (view, value) => view.setBigUint64(0, BigInt(value), true),
  11: (view, value) => view.setBigInt64(0, BigInt(value), true),
  12: (view, value) => view.setFloat64(0, value, true),
};

/**
 * A model of one architecture with `blocks` blocks of 8 hidden values, two heads and the tensors
 * of one attention and one MLP product, for what reads no values.
 */
export function tinyGguf(
  arch: string,
  blocks: number,
  more: readonly Pair[] = [],
): Uint8Array<ArrayBuffer> {
  const own: Pair[] = [
    ['block_count', 4, blocks],
    ['context_length', 4, 64],
    ['embedding_length', 4, 8],
    ['feed_forward_length', 4, 8],
    ['attention.head_count', 4, 2],
    ['attention.layer_norm_rms_epsilon', 6, 1e-6],
    ['attention.layer_norm_epsilon', 6, 1e-5],
  ];
  const names = Array.from({ length: blocks }, (_, i) => [
    `blk.${i}.attn_q.weight`,
    `blk.${i}.ffn_up.weight`,
  ]).flat();
  const replaced = new Set(more.map(([key]) => key));
  return ggufFile({
    pairs: [
      ['general.architecture', 8, arch],
      ...own
        .map(([key, type, value]): Pair => [`${arch}.${key}`, type, value])
        .filter(([key]) => !replaced.has(key)),
      ...more,
    ],
    tensors: ['token_embd.weight', ...names].map((name) => ({ name, type: 0, dims: [8, 8] })),
  });
}
