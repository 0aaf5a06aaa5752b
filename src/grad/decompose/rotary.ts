// Rotary embeddings out of primitive operators. Formulas: onnx/docs/Operators.md (RotaryEmbedding)
// and onnxruntime/docs/ContribOperators.md (RotaryEmbedding, MRotaryEmbedding).

import type { Builder } from '../build/builder.ts';
import type { Decomposition, Fused } from './fused.ts';

/** Cosines and sines, broadcast to (.., r / 2) where r of the elements of a head are rotated. */
export interface Angles {
  cos: string;
  sin: string;
}

/**
 * Rotates pairs of elements of the last axis: (x1, x2) to (x1 cos - x2 sin, x2 cos + x1 sin). Pairs
 * are halves of what is rotated, or neighbours where `interleaved`. The rest passes.
 */
export function rotate(b: Builder, x: string, { cos, sin }: Angles, interleaved: boolean): string {
  const dims = b.dims(x);
  const [axis, size] = [dims.length - 1, dims.at(-1) as number];
  const half = b.dims(cos).at(-1) as number;
  const part = b.slice(x, axis, 0, 2 * half);
  const pairs = [...dims.slice(0, -1), ...(interleaved ? [half, 2] : [2, half])];
  const along = interleaved ? axis + 1 : axis;
  const split = b.reshape(part, pairs);
  const single = [...dims.slice(0, -1), half];
  const [x1, x2] = [0, 1].map((k) => b.reshape(b.slice(split, along, k, k + 1), single)) as [
    string,
    string,
  ];
  const turned = [b.sub(b.mul(x1, cos), b.mul(x2, sin)), b.add(b.mul(x2, cos), b.mul(x1, sin))].map(
    (y) =>
      b.reshape(
        y,
        pairs.map((d, k) => (k === along ? 1 : d)),
      ),
  );
  const y = b.reshape(b.concat(turned, along), [...dims.slice(0, -1), 2 * half]);
  return size === 2 * half ? y : b.concat([y, b.slice(x, axis, 2 * half, size)], axis);
}

/** Rows first, first + 1, ... of the caches, as (1, 1, S, r / 2). */
export function anglesFrom(
  b: Builder,
  caches: readonly [cos: string, sin: string],
  first: number,
  length: number,
): Angles {
  const [cos, sin] = caches.map((cache) => {
    const rows = b.slice(cache, 0, first, first + length);
    return b.reshape(rows, [1, 1, ...b.dims(rows)]);
  }) as [string, string];
  return { cos, sin };
}

/** The first of positions that are first, first + 1, ... in every row; null for others. */
function firstPosition(positions: readonly number[] | null, length: number): number | null {
  const first = positions?.[0];
  if (!positions || first === undefined) return null;
  return positions.every((p, k) => p === first + (k % length)) ? first : null;
}

/** Angles of positions (B, S) or of an offset (1), as (B or 1, 1, S, r / 2). */
function anglesOf(at: Fused, ids: number, cache: number, batch: number, length: number): Angles {
  const { b } = at;
  const caches = [at.name(cache), at.name(cache + 1)] as const;
  const positions = at.at(ids);
  const offset = positions.dims.length < 2 && length > 1;
  const first = offset ? (at.content(ids)[0] ?? 0) : firstPosition(positions.data, length);
  if (first !== null) return anglesFrom(b, caches, first, length);
  const [cos, sin] = caches.map((values) => {
    const half = b.dims(values).at(-1) as number;
    const rows = b.op('Gather', [values, at.name(ids)], [...positions.dims, half], { axis: 0 });
    return b.reshape(rows, [batch, 1, length, half]);
  }) as [string, string];
  return { cos, sin };
}

/** A value as (B, heads, S, size) and back, for operands of three or four axes. */
function byHeads(at: Fused, turn: (x: string, batch: number, length: number) => string): string {
  const { b } = at;
  const x = at.name(0);
  const dims = at.at(0).dims;
  if (dims.length === 4) return turn(x, dims[0] as number, dims[2] as number);
  const [batch = 0, length = 0, width = 0] = dims;
  const rotated =
    at.int('rotary_embedding_dim', 0) || (at.dim(at.has(3) ? 3 : 1, -1) as number) * 2;
  const heads = at.int('num_heads', 0) || width / rotated;
  if (!Number.isInteger(heads)) at.fail('its number of heads is not known');
  const apart = b.transpose(b.reshape(x, [batch, length, heads, width / heads]), [0, 2, 1, 3]);
  return b.reshape(b.transpose(turn(apart, batch, length), [0, 2, 1, 3]), dims);
}

const interleaved = (at: Fused): boolean => at.int('interleaved', 0) === 1;

function plain(at: Fused): void {
  if (at.float('scale', 1) !== 1 || at.int('is_packed_batching', 0) !== 0)
    at.fail('it has a scale or packs rows of different lengths');
}

/** com.microsoft: (x, position ids, cosines, sines) */
const contrib: Decomposition = (at) => {
  plain(at);
  return [
    byHeads(at, (x, batch, length) =>
      rotate(at.b, x, anglesOf(at, 1, 2, batch, length), interleaved(at)),
    ),
  ];
};

/** ai.onnx 23: (x, cosines, sines, position ids), without ids the caches are (B, S, r / 2). */
const standard: Decomposition = (at) => {
  const { b } = at;
  const direct = (length: number): Angles => {
    const [cos, sin] = [1, 2].map((k) => {
      const half = at.dim(k, -1);
      return b.reshape(at.name(k), [at.dim(k, 0), 1, length, half]);
    }) as [string, string];
    return { cos, sin };
  };
  return [
    byHeads(at, (x, batch, length) => {
      const angles = at.has(3) ? anglesOf(at, 3, 1, batch, length) : direct(length);
      return rotate(b, x, angles, interleaved(at));
    }),
  ];
};

/**
 * com.microsoft, multimodal: positions (3, B, S), and for every column of the tables the axis whose
 * position counts.
 */
const multimodal: Decomposition = (at) => {
  plain(at);
  const { b } = at;
  return [
    byHeads(at, (x, batch, length) => {
      const caches = [at.name(2), at.name(3)] as const;
      const first = firstPosition(at.at(1).data, length);
      if (first !== null)
        return rotate(b, x, anglesFrom(b, caches, first, length), interleaved(at));
      const half = at.dim(2, -1);
      const axes = axisOfColumns(at, half);
      const [cos, sin] = caches.map((cache) => {
        const rows = b.op('Gather', [cache, at.name(1)], [3, batch, length, half], { axis: 0 });
        const chosen = b.constant(
          b.type(cache),
          [3, 1, 1, half],
          [0, 1, 2].flatMap((axis) => axes.map((a) => Number(a === axis))),
        );
        return b.reshape(b.sum(b.mul(rows, chosen), [0]), [batch, 1, length, half]);
      }) as [string, string];
      return rotate(b, x, { cos, sin }, interleaved(at));
    }),
  ];
};

/** Time, height or width (0, 1, 2) for every column of the tables. */
function axisOfColumns(at: Fused, half: number): number[] {
  const sections = at.ints('mrope_section') ?? at.fail('it has no sections');
  const [time = 0, height = 0, width = 0] = sections;
  if (at.int('mrope_layout', 0) === 0)
    return [time, height, width].flatMap((n, axis) => Array<number>(n).fill(axis));
  return Array.from({ length: half }, (_, k) => {
    if (k % 3 === 1 && k < height * 3) return 1;
    return k % 3 === 2 && k < width * 3 ? 2 : 0;
  });
}

export const ROTARY: Readonly<Record<string, Decomposition>> = {
  RotaryEmbedding: standard,
  'com.microsoft.RotaryEmbedding': contrib,
  'com.microsoft.MRotaryEmbedding': multimodal,
};
