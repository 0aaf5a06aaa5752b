// Which key-value group or channel, its owner, each position along an axis belongs to.

import { product, type Size } from './size.ts';

/** The axis of a value along which groups or channels lie, and the owner of each position. */
export interface Label {
  /** From 0. */
  axis: number;
  /** Where the size of the axis is such a number times what only a run decides: of one round. */
  owners: Owners;
}

/** The owner of each position, by its index. */
export type Owners = Int32Array;

/** Positions one after the other, `span` of each owner. */
export function runs(count: number, span: number): Owners {
  return Int32Array.from({ length: count * span }, (_, k) => Math.floor(k / span));
}

export function joined(parts: readonly Owners[]): Owners {
  return Int32Array.from(parts.flatMap((part) => [...part]));
}

export const sameOwners = (a: Owners, b: Owners): boolean =>
  a.length === b.length && a.every((owner, k) => owner === b[k]);

/** Positions that stay. */
export const keptPositions = (owners: Owners, gone: ReadonlySet<number>): number[] =>
  [...owners.keys()].filter((k) => !gone.has(owners[k]!));

/** One owner for each stretch of `span` positions; null where a stretch has several. */
export function everySpan(owners: Owners, span: number): Owners | null {
  if (!Number.isInteger(span) || span < 1 || owners.length % span !== 0) return null;
  const first = Int32Array.from({ length: owners.length / span }, (_, k) => owners[k * span]!);
  return owners.every((owner, k) => owner === first[Math.floor(k / span)]) ? first : null;
}

/**
 * Where a label is after the elements are counted in other dims; null where it has no one axis.
 * Sizes that only a run decides are taken as 2: the owners along an axis of them are there again
 * and again.
 */
export function reshapedLabel(
  from: readonly Size[],
  to: readonly Size[],
  { axis, owners }: Label,
): Label | null {
  const stretch = stretchOf(from, to, axis);
  if (!stretch) return null;
  const [i0, i1, o0, o1] = stretch;
  const [ins, outs] = [from.slice(i0, i1), to.slice(o0, o1)].map((dims) => dims.map(inNumbers));
  const count = ins!.reduce((n, size) => n * size, 1);
  const ownerOf = Int32Array.from(
    { length: count },
    (_, k) => owners[coordinate(ins!, axis - i0, k) % owners.length]!,
  );
  for (const [at, size] of outs!.entries()) {
    const own = new Int32Array(size).fill(-1);
    const alone = ownerOf.every((owner, k) => {
      const place = coordinate(outs!, at, k);
      if (own[place] === -1) own[place] = owner;
      return own[place] === owner;
    });
    if (!alone || (size === 1 && count > 1)) continue;
    const { factor } = product([to[o0 + at]!]);
    const once = own.slice(0, factor);
    if (own.every((owner, k) => owner === once[k % factor])) return { axis: o0 + at, owners: once };
  }
  return null;
}

function inNumbers(size: Size): number {
  const { factor, symbols } = product([size]);
  return factor * 2 ** symbols.length;
}

function coordinate(sizes: readonly number[], at: number, k: number): number {
  const inner = sizes.slice(at + 1).reduce((n, size) => n * size, 1);
  return Math.floor(k / inner) % sizes[at]!;
}

/** The shortest stretches of both dims around an axis that hold the same elements. */
function stretchOf(
  from: readonly Size[],
  to: readonly Size[],
  axis: number,
): [number, number, number, number] | null {
  const key = (dims: readonly Size[]): string => JSON.stringify(product(dims));
  for (let [i, o] = [0, 0]; i < from.length && o < to.length; ) {
    const next = ends(i, o).find(([i1, o1]) => key(from.slice(i, i1)) === key(to.slice(o, o1)));
    if (!next) return null;
    if (axis < next[0]) return [i, next[0], o, next[1]];
    [i, o] = next;
  }
  return null;

  /** Ends of stretches from i and o on, the shortest first. */
  function ends(i: number, o: number): [number, number][] {
    const found: [number, number][] = [];
    for (let i1 = i + 1; i1 <= from.length; i1++)
      for (let o1 = o + 1; o1 <= to.length; o1++) found.push([i1, o1]);
    return found.sort((a, b) => a[0] + a[1] - b[0] - b[1]);
  }
}
