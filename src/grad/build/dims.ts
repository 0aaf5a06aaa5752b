// Arithmetic of dimensions: broadcasting, reductions, permutations. All dimensions are numbers.

import { EspalierError } from '../../errors.ts';

export type Dims = readonly number[];

/** `[2, 3]` as text for messages. */
const inWords = (dims: Dims): string => `[${dims.join(', ')}]`;

export function sameDims(a: Dims, b: Dims): boolean {
  return a.length === b.length && a.every((d, k) => d === b[k]);
}

/** The error of dims that an operator cannot take; only a mistake of this room leads to it. */
export function mismatch(op: string, ...dims: readonly Dims[]): EspalierError {
  return new EspalierError(
    'bug',
    `${op} cannot take values of dims ${dims.map(inWords).join(', ')}.`,
  );
}

/**
 * Dims of a result of multidirectional broadcasting.
 * @source onnx/docs/Broadcasting.md
 * @throws EspalierError `bug` when the two cannot be broadcast.
 */
export function broadcast(a: Dims, b: Dims, op = 'Broadcasting'): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, k) => {
    const x = a[k - rank + a.length] ?? 1;
    const y = b[k - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw mismatch(op, a, b);
    return x === 1 ? y : x;
  });
}

/** An axis counted from the front. @throws EspalierError `bug` outside -rank .. rank - 1 */
export function axisOf(axis: number, rank: number): number {
  const from = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(from) || from < 0 || from >= rank)
    throw new EspalierError('bug', `Axis ${axis} is outside a tensor of rank ${rank}.`);
  return from;
}

/** The permutation that undoes another. */
export function inverse(perm: readonly number[]): number[] {
  return perm.map((_, k) => perm.indexOf(k));
}

/** Dims with one of them replaced. */
export function withDim(dims: Dims, axis: number, size: number): number[] {
  return dims.map((d, k) => (k === axis ? size : d));
}

/** Elements that a slice start:end:step (ONNX rules, step > 0) takes of `size`. */
export interface Span {
  start: number;
  count: number;
}

/** A slice of an axis of `size` elements. @source onnx/docs/Operators.md, Slice-13 */
export function spanOf(size: number, start: number, end: number, step: number): Span {
  if (step <= 0) throw new EspalierError('bug', `A slice with step ${step} has no span.`);
  const clamp = (x: number): number => Math.min(Math.max(x < 0 ? x + size : x, 0), size);
  const from = clamp(start);
  return { start: from, count: Math.max(0, Math.ceil((clamp(end) - from) / step)) };
}
