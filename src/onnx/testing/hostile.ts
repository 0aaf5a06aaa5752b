// Damages bytes and JSON in reproducible ways and judges how code handles them, for tests.

import fc from 'fast-check';
import { EspalierError } from '../../errors.ts';
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

/** Longest a file may keep anyone waiting, in ms. */
const PATIENCE_MS = 2000;

/**
 * Runs one case: it may succeed, or end in a coded error with a sentence and a hint.
 * @returns 'accepted' or the code
 * @throws Error for anything else that is thrown, code `bug` included, and for a case that takes
 *   longer than `patienceMs`
 */
export async function judge(run: () => unknown, patienceMs = PATIENCE_MS): Promise<string> {
  const start = performance.now();
  const spent = process.cpuUsage();
  let outcome = 'accepted';
  try {
    await run();
  } catch (error) {
    if (!(error instanceof EspalierError) || error.code === 'bug') throw error;
    if (error.message === '' || error.hint === '')
      throw new Error(`${error.code} without words: "${error.message}" "${error.hint}"`);
    if (error.message.length > 2000)
      throw new Error(
        `a message of ${error.message.length} characters: ${error.message.slice(0, 200)}`,
      );
    outcome = error.code;
  }
  // Both clocks: a machine that is busy with other things stretches the one on the wall.
  const { user, system } = process.cpuUsage(spent);
  const took = Math.min(performance.now() - start, (user + system) / 1000);
  if (took > patienceMs) throw new Error(`took ${took.toFixed(0)} ms`);
  return outcome;
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
