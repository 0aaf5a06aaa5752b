// The magnitude of each block: sums over its linear matrices and norm vectors, read in bounded
// chunks.

import { EspalierError, throwIfCancelled } from '../../errors.ts';
import { BytesReader, rangesOf, storedLength } from '../../onnx/bytes.ts';
import { elementCount, type Tensor } from '../../onnx/graph.ts';
import type { ByteRange, ByteSource, DerivedRange, Folder } from '../../onnx/source.ts';
import type { OpenedModel } from '../open/open.ts';
import { type CountedTensor, countedTensors } from './linear.ts';
import { type Quantised, SMALL_INTEGERS } from './linearQuantised.ts';
import { floatSums, type Summing, toFloats } from './magnitudeFloats.ts';
import { quantisedSums } from './magnitudeIntegers.ts';
import { unpackIntegers } from './magnitudeTables.ts';

/** Most bytes of a read. A multiple of 8, so that no element is split. */
const READ_BYTES = 8 * 2 ** 20;
/** Reads in flight while one is summed; with fewer, small reads (scales) would stall the sums. */
const AHEAD = 3;
/** Reads at most this far apart are merged. */
const GAP_BYTES = 4096;

/** Sums per block, as the table of criteria reads them, and what they cost. */
export interface BlockMagnitudes {
  l1: number[];
  l2: number[];
  l1WithNorms: number[];
  l2WithNorms: number[];
  /** Bytes read from the files. */
  bytesRead: number;
}

export interface MagnitudeOptions {
  signal?: { readonly aborted: boolean } | undefined;
  /** Called with the bytes read so far and the bytes in all. */
  onBytes?: ((done: number, total: number) => void) | undefined;
}

/** Bytes to read, in a file or computed, and the function that takes them. */
interface Read {
  range: Stretch;
  /** Of the files, that it takes to read it. */
  bytes: number;
  take(bytes: Uint8Array<ArrayBuffer>): void;
}

/**
 * L1 (sum of absolute values) and L2 (sum of squares, not its root) of each block. Quantised values
 * count as scale x (integer - zero point) without rounding; sums are float64. Every byte is read
 * once, blocks of GGUF twice; memory holds four reads, and the scales and zero points of one matrix.
 * @throws EspalierError `cancelled`; `missing-file`; `corrupt-file`; `unsupported-op` for an
 *   unknown quantisation.
 * @source Kim et al., Shortened LLaMA (2024), section 3.1 (Mag); docs/numerics.md
 */
export async function measureMagnitudes(
  opened: OpenedModel,
  options: MagnitudeOptions = {},
): Promise<BlockMagnitudes> {
  const n = opened.structure.blocks.length;
  const zeros = (): number[] => Array<number>(n).fill(0);
  const found: BlockMagnitudes = {
    l1: zeros(),
    l2: zeros(),
    l1WithNorms: zeros(),
    l2WithNorms: zeros(),
    bytesRead: 0,
  };
  const tensors = countedTensors(opened.structure).sort((a, b) => inFileOrder(a.tensor, b.tensor));
  const reads = tensors.flatMap((item) =>
    readsOf(item, ({ abs, square }) => {
      for (const block of item.blocks) {
        if (item.kind === 'linear') {
          found.l1[block]! += abs;
          found.l2[block]! += square;
        }
        found.l1WithNorms[block]! += abs;
        found.l2WithNorms[block]! += square;
      }
    }),
  );
  found.bytesRead = await readInOrder(opened.folder, reads, options);
  return found;
}

/**
 * The reads of a tensor: scales and zero points first, then the values. `done` gets the sums.
 * Tensors whose bytes are in memory already have empty reads.
 */
function readsOf(
  { tensor, quantised }: CountedTensor,
  done: (sums: Summing['sums']) => void,
): Read[] {
  let summing: Summing | null = null;
  if (!quantised) {
    return chunks(tensor, (bytes, last) => {
      summing ??= floatSums(tensor.type);
      summing.add(bytes);
      if (last) done(summing.sums);
    });
  }
  let scales: Uint8Array<ArrayBuffer> | null = null;
  let zeroPoints: Uint8Array<ArrayBuffer> | null = null;
  const start = (): Summing => {
    const { bits, signed, layout, zeros } = quantised;
    return quantisedSums({
      bits,
      signed,
      layout,
      zerosPacked: zeros === null || SMALL_INTEGERS.has(zeros.type),
      scales: toFloats(quantised.scales.type, scales ?? new Uint8Array()),
      zeros: zerosOf(quantised, zeroPoints),
    });
  };
  return [
    ...inOneArray(quantised.scales, (bytes) => (scales = bytes)),
    ...(quantised.zeros ? inOneArray(quantised.zeros, (bytes) => (zeroPoints = bytes)) : []),
    ...chunks(tensor, (bytes, last) => {
      summing ??= start();
      summing.add(bytes);
      if (!last) return;
      done(summing.sums);
      summing = scales = zeroPoints = null;
    }),
  ];
}

/** Zero points as floats: one for each scale, or a single one for all. */
function zerosOf(
  { bits, signed, scales, zeros, zero, zeroRow }: Quantised,
  bytes: Uint8Array<ArrayBuffer> | null,
): Float32Array {
  if (!zeros || !bytes) return Float32Array.of(zero);
  if (!SMALL_INTEGERS.has(zeros.type)) return toFloats(zeros.type, bytes);
  const count = elementCount(zeroRow === null ? zeros.dims : scales.dims);
  return unpackIntegers(bytes, bits, signed, zeroRow, count);
}

type Stretch = ByteRange | DerivedRange;

/** The reads of a tensor, each at most READ_BYTES long. */
function chunks(
  { data }: Tensor,
  take: (bytes: Uint8Array<ArrayBuffer>, last: boolean) => void,
): Read[] {
  if (data instanceof Uint8Array)
    return [{ range: INLINE, bytes: 0, take: () => take(data.slice(), true) }];
  const out: Read[] = [];
  for (let from = 0; from < data.length; from += READ_BYTES) {
    const length = Math.min(READ_BYTES, data.length - from);
    const last = from + length === data.length;
    out.push({
      range: { ...data, offset: data.offset + from, length },
      bytes: Math.round((storedLength(data) * length) / data.length),
      take: (bytes) => take(bytes, last),
    });
  }
  return out;
}

/** The reads of a tensor that is needed in one array. */
function inOneArray(tensor: Tensor, take: (bytes: Uint8Array<ArrayBuffer>) => void): Read[] {
  let all: Uint8Array<ArrayBuffer> | null = null;
  let filled = 0;
  return chunks(tensor, (bytes, last) => {
    if (last && !all) return take(bytes.slice());
    all ??= new Uint8Array(tensor.data.length);
    all.set(bytes, filled);
    filled += bytes.length;
    if (!last) return;
    take(all);
    all = null;
  });
}

/** The empty read of a tensor whose bytes are in memory already. */
const INLINE: ByteRange = { file: '', offset: 0, length: 0 };

/** In the order in which the files have what the values come from. */
function inFileOrder(a: Tensor, b: Tensor): number {
  const [x = INLINE] = rangesOf(a.data);
  const [y = INLINE] = rangesOf(b.data);
  if (x.file !== y.file) return x.file < y.file ? -1 : 1;
  return x.offset - y.offset;
}

/**
 * Reads in the given order, with the next reads in flight while one is taken; returns bytes read.
 */
async function readInOrder(
  folder: Folder,
  reads: readonly Read[],
  { signal, onBytes }: MagnitudeOptions,
): Promise<number> {
  const reader = new BytesReader(folder);
  const batches = merged(reads);
  const total = batches.reduce((sum, { bytes }) => sum + bytes, 0);
  const buffers: Uint8Array<ArrayBuffer>[] = [];
  let done = 0;
  const pending = batches.slice(0, AHEAD).map((_, at) => start(at));
  for (const [at, { range, bytes: length, parts }] of batches.entries()) {
    throwIfCancelled(signal);
    const bytes = (await pending.shift()) ?? new Uint8Array();
    pending.push(start(at + AHEAD));
    for (const part of parts) {
      const from = part.range.offset - range.offset;
      part.take(range === INLINE ? bytes : bytes.subarray(from, from + part.range.length));
    }
    if (range.length === 0) continue;
    done += length;
    onBytes?.(done, total);
  }
  return done;

  function start(at: number): Promise<Uint8Array<ArrayBuffer>> {
    const range = batches[at]?.range;
    if (!range || range.length === 0) return Promise.resolve(new Uint8Array());
    const read = opened(range, (source, offset) =>
      intoBuffer(source, { offset, length: range.length }, buffers, at),
    );
    // After an error elsewhere nobody awaits this read; its own failure must not go unhandled.
    read.catch(() => {});
    return read;
  }

  async function opened(
    range: Stretch,
    read: (source: ByteSource, offset: number) => Promise<Uint8Array<ArrayBuffer>>,
  ): Promise<Uint8Array<ArrayBuffer>> {
    if ('from' in range) return read(reader.open(range), 0);
    const source = folder.open(range.file);
    if (source) return read(source, range.offset);
    throw new EspalierError(
      'missing-file',
      `The folder has no file ${range.file}, which holds weights.`,
      'Add the file and open the folder again.',
    );
  }
}

/**
 * Reads into a ring of buffers where the source can: new arrays would cost as much time as the
 * sums. The bytes are valid until AHEAD more reads have begun.
 */
async function intoBuffer(
  source: ByteSource,
  { offset, length }: { offset: number; length: number },
  buffers: Uint8Array<ArrayBuffer>[],
  turn: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!source.readInto) return source.read(offset, length);
  const slot = turn % (AHEAD + 1);
  const buffer = buffers[slot] ?? new Uint8Array(READ_BYTES);
  buffers[slot] = buffer;
  const bytes = buffer.subarray(0, length);
  await source.readInto(offset, bytes);
  return bytes;
}

/** Reads that are made in one. */
interface Batch {
  range: Stretch;
  bytes: number;
  parts: Read[];
}

/** Merges neighbouring reads of a file. */
function merged(reads: readonly Read[]): Batch[] {
  const out: Batch[] = [];
  for (const read of reads) {
    const last = out.at(-1);
    if ('from' in read.range) {
      out.push({ range: read.range, bytes: read.bytes, parts: [read] });
      continue;
    }
    const { file, offset, length } = read.range;
    const end = last ? last.range.offset + last.range.length : 0;
    const joins =
      last &&
      'file' in last.range &&
      last.range.file === file &&
      offset >= end &&
      offset - end <= GAP_BYTES &&
      offset + length - last.range.offset <= READ_BYTES;
    if (joins) {
      last.range = { file, offset: last.range.offset, length: offset + length - last.range.offset };
      last.bytes = last.range.length;
      last.parts.push(read);
    } else out.push({ range: read.range, bytes: read.bytes, parts: [read] });
  }
  return out;
}
