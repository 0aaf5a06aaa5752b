// Every bound on a graph file: what lies at it passes, what lies beyond it is refused with the
// number, before anything is decoded.

import { describe, expect, it } from 'vitest';
import { EspalierError } from '../errors.ts';
import { requireWithinLimits } from './codecLimits.ts';
import {
  MAX_DEPTH,
  MAX_INTEGERS,
  MAX_MESSAGES,
  MAX_NAME_BYTES,
  MAX_NODES,
  MAX_OPERANDS,
  MAX_RANK,
  MAX_SKELETON_BYTES,
  MAX_SUBGRAPHS,
  MAX_TENSORS,
  shortName,
} from './limits.ts';
import { skimModel } from './skim.ts';
import { memoryFolder } from './testing/text.ts';

const varint = (n: number): number[] =>
  n < 128 ? [n] : [(n % 128) | 128, ...varint(Math.floor(n / 128))];

/** A length-delimited field around the given bytes. */
function field(number: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((n, p) => n + p.length, 0);
  const head = [...varint(number * 8 + 2), ...varint(length)];
  const out = new Uint8Array(head.length + length);
  out.set(head);
  let at = head.length;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The same bytes `count` times. */
function times(bytes: Uint8Array, count: number): Uint8Array {
  const out = new Uint8Array(bytes.length * count);
  for (let k = 0; k < count; k++) out.set(bytes, k * bytes.length);
  return out;
}

const NOTHING = new Uint8Array(0);
const graph = (...parts: readonly Uint8Array[]): Uint8Array => field(7, ...parts);
const node = (...parts: readonly Uint8Array[]): Uint8Array => field(1, ...parts);
const tensor = (...parts: readonly Uint8Array[]): Uint8Array => field(5, ...parts);

/** A node whose attribute is a graph. */
const subgraph = (...parts: readonly Uint8Array[]): Uint8Array =>
  node(field(5, field(6, ...parts)));

function nestedDepth(levels: number): Uint8Array {
  let inner: Uint8Array = NOTHING;
  for (let k = 0; k < levels; k++) inner = subgraph(inner);
  return graph(inner);
}

/** What is counted, a file with this many of it, and the bound. */
const BOUNDS: [
  what: string,
  limit: number,
  file: (count: number) => Uint8Array,
  message: RegExp,
][] = [
  [
    'nodes',
    MAX_NODES,
    (n) => graph(times(node(), n)),
    /has more than 60000 nodes; Espalier stops at 60000/,
  ],
  ['tensors', MAX_TENSORS, (n) => graph(times(tensor(), n)), /more than 200000 tensors/],
  [
    'subgraphs',
    MAX_SUBGRAPHS,
    (n) => graph(times(subgraph(), n)),
    /more than 4096 graphs inside nodes/,
  ],
  ['parts', MAX_MESSAGES - 2, (n) => graph(times(field(13), n)), /more than 1000000 parts/],
  [
    'integers',
    MAX_INTEGERS,
    (n) => graph(tensor(field(7, new Uint8Array(n)))),
    /more than 4194304 integers that are not raw bytes/,
  ],
  [
    'inputs',
    MAX_OPERANDS,
    (n) => graph(node(times(field(1), n))),
    /more than 4096 inputs in one NodeProto/,
  ],
  ['outputs', MAX_OPERANDS, (n) => graph(node(times(field(2), n))), /more than 4096 outputs/],
  [
    'dims',
    MAX_RANK,
    (n) => graph(tensor(field(1, new Uint8Array(n)))),
    /more than 64 dimensions in one TensorProto/,
  ],
  [
    'unpacked dims',
    MAX_RANK,
    (n) => graph(tensor(times(Uint8Array.of(8, 3), n))),
    /more than 64 dimensions/,
  ],
  [
    'declared dims',
    MAX_RANK,
    (n) => graph(field(11, field(2, field(1, field(2, times(field(1), n)))))),
    /more than 64 dimensions in one TensorShapeProto/,
  ],
  [
    'name bytes',
    MAX_NAME_BYTES,
    (n) => graph(node(field(3, new Uint8Array(n).fill(97)))),
    /a name of 4097 bytes, which begins with "aaaa/,
  ],
];

describe('bounds on a graph file', () => {
  it.each(BOUNDS)('%s', (_, limit, file, message) => {
    expect(() => requireWithinLimits(file(limit), 'm.onnx')).not.toThrow();
    const beyond = (): void => requireWithinLimits(file(limit + 1), 'm.onnx');
    expect(beyond).toThrow(EspalierError);
    expect(beyond).toThrow(message);
    expect(beyond).toThrow(/^m.onnx has /);
  });

  it('nesting, in small messages and in large ones, of graphs and of types', async () => {
    const deepest = Math.floor((MAX_DEPTH - 1) / 3);
    expect(() => requireWithinLimits(nestedDepth(deepest), 'm')).not.toThrow();
    expect(() => requireWithinLimits(nestedDepth(deepest + 1), 'm')).toThrow(
      /messages nested more than 64 deep/,
    );
    let type: Uint8Array = NOTHING;
    for (let k = 0; k < 5000; k++) type = field(4, field(1, type));
    expect(() => requireWithinLimits(graph(field(11, field(2, type))), 'm')).toThrow(
      /nested more than 64 deep/,
    );
    const folder = memoryFolder({ m: nestedDepth(400) });
    await expect(skimModel(folder.open('m')!, 'm')).rejects.toMatchObject({ code: 'too-large' });
  });

  it('nodes and tensors above 1 KiB are counted while reading', async () => {
    const attribute = field(5, field(4, new Uint8Array(1100)));
    const read = (bytes: Uint8Array): Promise<Uint8Array> =>
      skimModel(memoryFolder({ m: bytes }).open('m')!, 'm');
    await expect(read(graph(times(node(attribute), MAX_NODES + 1)))).rejects.toThrow(
      /more than 60000 nodes/,
    );
  });

  it('bytes besides the weights', async () => {
    // Names of 1 MiB at the level of the file, made up as they are read.
    const block = field(2, new Uint8Array(2 ** 20));
    const size = block.length * 200;
    let read = 0;
    const source = {
      size,
      async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
        read += length;
        const out = new Uint8Array(length);
        for (let at = 0; at < length; ) {
          const piece = block.subarray((offset + at) % block.length).subarray(0, length - at);
          out.set(piece, at);
          at += piece.length;
        }
        return out;
      },
    };
    await expect(skimModel(source, 'm.onnx')).rejects.toThrow(
      /more than 134217728 bytes besides its weights/,
    );
    expect(read).toBeLessThan(MAX_SKELETON_BYTES * 1.1);
  });

  it('names are shortened where they are shown', () => {
    expect(shortName('a'.repeat(80))).toBe('a'.repeat(80));
    expect(shortName('a'.repeat(4000))).toBe(`${'a'.repeat(60)}… (4000 characters)`);
  });

  it('damaged lengths are no numbers to trust', () => {
    for (const bytes of [
      [0x3a, 0xff, 0xff, 0xff, 0xff, 7],
      [0x3a, 0x80],
      [0x3b],
      [0x3a, 1, 0x0b],
      [0x39, 1, 2],
    ])
      expect(() => requireWithinLimits(Uint8Array.from(bytes), 'm'), String(bytes)).toThrow(
        /damaged/,
      );
  });
});
