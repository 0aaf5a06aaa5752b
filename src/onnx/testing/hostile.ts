// Damages bytes and JSON in reproducible ways and judges how code handles them, for tests.

import fc from 'fast-check';
import { afterAll, beforeAll, expect } from 'vitest';
import { EspalierError } from '../../errors.ts';
import { startCounting, type Work, type WorkCounter } from '../../testing/work.ts';
import type { Folder } from '../source.ts';

/** One step of damage: what, where (modulo the length) and how. A failing case prints its steps. */
export type Step = readonly [op: (typeof OPS)[number], at: number, value: number];

const OPS = [
  'flip',
  'set',
  'zero',
  'move',
  'length',
  'varint',
  'repeat',
  'insert',
  'remove',
  'truncate',
] as const;

/** Values that parsers trip over, as single bytes. */
const EDGES = [0, 1, 2, 0x08, 0x0a, 0x12, 0x2a, 0x3a, 0x7f, 0x80, 0xff];

export const steps = (most: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.tuple(
      fc.constantFrom<(typeof OPS)[number]>('flip', 'set', 'set', 'zero', ...OPS),
      fc.nat(2 ** 24),
      fc.nat(2 ** 16),
    ),
    {
      minLength: 1,
      maxLength: most,
    },
  );

/** The bytes after every step in turn. */
export function damaged(bytes: Uint8Array, recipe: readonly Step[]): Uint8Array<ArrayBuffer> {
  let now = bytes.slice() as Uint8Array<ArrayBuffer>;
  for (const step of recipe) if (now.length > 0) now = apply(now, step);
  return now;
}

function apply(bytes: Uint8Array<ArrayBuffer>, [op, place, value]: Step): Uint8Array<ArrayBuffer> {
  const at = place % bytes.length;
  const run = 1 + (value % 64);
  const spliced = (remove: number, add: ArrayLike<number>): Uint8Array<ArrayBuffer> => {
    const out = new Uint8Array(bytes.length - Math.min(remove, bytes.length - at) + add.length);
    out.set(bytes.subarray(0, at));
    out.set(add, at);
    out.set(bytes.subarray(at + remove), at + add.length);
    return out;
  };
  switch (op) {
    case 'truncate':
      return bytes.slice(0, at);
    case 'flip':
      bytes[at]! ^= 1 << (value % 8);
      return bytes;
    case 'set':
      bytes[at] = value % 3 === 0 ? EDGES[value % EDGES.length]! : value % 256;
      return bytes;
    case 'length':
      // A varint that claims 2 GiB, 4 GiB or nearly 2^63 bytes.
      return spliced(
        1,
        [
          [255, 255, 255, 255, 7],
          [255, 255, 255, 255, 15],
          [255, 255, 255, 255, 255, 255, 255, 255, 127],
        ][value % 3]!,
      );
    case 'varint':
      // -1, and a varint without end.
      return spliced(
        1,
        [[255, 255, 255, 255, 255, 255, 255, 255, 255, 1], new Array<number>(12).fill(255)][
          value % 2
        ]!,
      );
    case 'remove':
      return spliced(run, []);
    case 'repeat':
      return spliced(0, bytes.slice(at, at + run));
    case 'move': {
      const from = (value * 31) % bytes.length;
      bytes.copyWithin(at, from, from + run);
      return bytes;
    }
    case 'insert':
      return spliced(
        0,
        Array.from({ length: run % 8 }, (_, k) => (value * (k + 7)) % 256),
      );
    case 'zero':
      bytes.fill(0, at, at + run);
      return bytes;
  }
}

/**
 * Last resort against code that does not end, in ms: far above what any case takes on a slow and
 * busy machine. What cases may cost is bounded by counts.
 */
const LAST_RESORT_MS = 30_000;

/** Of how many cases the work is counted once all have run. */
const SUSPECTS = 8;
/** The cases that took longest, longest first. */
const suspects: { ms: number; run: () => unknown; recipe: unknown }[] = [];

/**
 * Runs one case: it may succeed, or end in a coded error with a sentence and a hint.
 * @param recipe how the case is made, for the message when it turns out to be much work
 * @returns 'accepted' or the code
 * @throws Error for anything else that is thrown, code `bug` included, and for a case that takes
 *   longer than the last resort
 */
export async function judge(run: () => unknown, recipe?: unknown): Promise<string> {
  const start = performance.now();
  const outcome = await outcomeOf(run);
  const ms = performance.now() - start;
  if (ms > LAST_RESORT_MS) throw new Error(`took ${ms.toFixed(0)} ms`);
  suspects.push({ ms, run, recipe });
  suspects.sort((a, b) => b.ms - a.ms);
  suspects.length = Math.min(suspects.length, SUSPECTS);
  return outcome;
}

async function outcomeOf(run: () => unknown): Promise<string> {
  try {
    await run();
    return 'accepted';
  } catch (error) {
    if (!(error instanceof EspalierError) || error.code === 'bug') throw error;
    if (error.message === '' || error.hint === '')
      throw new Error(`${error.code} without words: "${error.message}" "${error.hint}"`);
    if (error.message.length > 2000)
      throw new Error(
        `a message of ${error.message.length} characters: ${error.message.slice(0, 200)}`,
      );
    return error.code;
  }
}

/**
 * Bounds the work of the cases that the suite around judges: those that took longest are run again
 * and counted. Time only says which to look at; a case that does far more than the others is among
 * them on any machine. Call it before the tests, since it starts to count.
 */
export function boundWork(most: Work): void {
  let counter: WorkCounter;
  beforeAll(async () => {
    counter = await startCounting();
  });
  afterAll(async () => {
    for (const { run, recipe } of suspects.splice(0)) {
      const { steps, bytes } = await counter.count(() => outcomeOf(run));
      const which = recipe === undefined ? 'one case' : JSON.stringify(recipe);
      expect(steps, `steps of ${which}`).toBeLessThan(most.steps);
      expect(bytes, `bytes allocated by ${which}`).toBeLessThan(most.bytes);
    }
    counter.stop();
  });
}

/** A folder in memory that fails the test when it is read outside its files, and counts. */
export function guardedFolder(
  files: Readonly<Record<string, Uint8Array>>,
): Folder & { read: { bytes: number; largest: number } } {
  const read = { bytes: 0, largest: 0 };
  return {
    name: 'hostile',
    read,
    files: Object.entries(files).map(([path, bytes]) => ({ path, size: bytes.length })),
    open(path) {
      const bytes = Object.hasOwn(files, path) ? files[path] : undefined;
      if (!bytes) return null;
      return {
        size: bytes.length,
        async read(offset, length) {
          if (
            !Number.isSafeInteger(offset) ||
            !Number.isSafeInteger(length) ||
            offset < 0 ||
            length < 0 ||
            offset + length > bytes.length
          )
            throw new RangeError(
              `${path} of ${bytes.length} bytes was read at ${offset} for ${length}`,
            );
          read.bytes += length;
          read.largest = Math.max(read.largest, length);
          return bytes.slice(offset, offset + length) as Uint8Array<ArrayBuffer>;
        },
      };
    },
  };
}
