// Bytes wherever they are, in memory, in a file or derived: their identity, the files they come
// from, and one way to read them.

import type { Model } from './graph.ts';
import {
  type ByteRange,
  type ByteSource,
  type Bytes,
  type Derivation,
  type Folder,
  openFile,
} from './source.ts';
import { type Transform, transformOf } from './transforms.ts';

const memoryKeys = new WeakMap<Uint8Array, number>();
let memoryCount = 0;

/**
 * Equal ranges and equal derivations have equal keys; bytes in memory are equal only to themselves.
 */
export function keyOf(data: Bytes): string {
  if (data instanceof Uint8Array) {
    const known = memoryKeys.get(data);
    if (known !== undefined) return `memory ${known}`;
    memoryCount += 1;
    memoryKeys.set(data, memoryCount);
    return `memory ${memoryCount}`;
  }
  if ('file' in data) return `${data.offset}+${data.length} ${data.file}`;
  return `${data.offset}+${data.length} of ${derivationKey(data.from)}`;
}

function derivationKey({ transform, parameters, sources }: Derivation): string {
  return JSON.stringify([transform, parameters, sources.map(keyOf)]);
}

/** The ranges of files that the bytes come from, in the order in which they are listed. */
export function rangesOf(data: Bytes): ByteRange[] {
  if (data instanceof Uint8Array) return [];
  return 'file' in data ? [data] : data.from.sources.flatMap(rangesOf);
}

/** The files that tensors of a model lie in, sorted; its graph file is one where it holds any. */
export function filesOf({ graph, dataFiles = [] }: Pick<Model, 'graph' | 'dataFiles'>): string[] {
  const files = new Set(dataFiles);
  for (const { data } of graph.initializers.values())
    for (const { file } of rangesOf(data)) files.add(file);
  return [...files].sort();
}

/** Bytes that the sources take, in files and in memory. */
export function storedLength(data: Bytes): number {
  if (!('from' in data)) return data.length;
  return data.from.sources.reduce((sum, source) => sum + storedLength(source), 0);
}

/** All bytes that a transform makes of its sources. Their length is known before any is read. */
export function derive(
  transform: string,
  sources: readonly Bytes[],
  label: string,
  parameters: Derivation['parameters'] = {},
): Bytes {
  const length = transformOf(transform).length(
    sources.map((source) => source.length),
    parameters,
  );
  return { from: { transform, parameters, sources, label }, offset: 0, length };
}

/** All that a transform of this name makes of one source: that source and the parameters. */
export function madeBy(
  data: Bytes,
  transform: string,
): { source: Bytes; parameters: Derivation['parameters'] } | null {
  if (!('from' in data) || data.from.transform !== transform) return null;
  const { sources, parameters } = data.from;
  const [source] = sources;
  const lengths = sources.map(({ length }) => length);
  const whole =
    data.offset === 0 && data.length === transformOf(transform).length(lengths, parameters);
  return source && whole ? { source, parameters } : null;
}

/** Bytes that come from one source and can be converted chunk by chunk as they are read. */
export interface Stream {
  source: Uint8Array | ByteRange;
  /** Converts a chunk of whole elements of the source at an offset to a chunk of the result. */
  convert(offset: number, chunk: Uint8Array<ArrayBuffer>): [number, Uint8Array<ArrayBuffer>];
}

/** The bytes as a stream, or null where they are computed from more than one element at a time. */
export function streamOf(data: Bytes): Stream | null {
  if (!('from' in data)) return { source: data, convert: (offset, chunk) => [offset, chunk] };
  const { transform, parameters, label } = data.from;
  const [source] = data.from.sources;
  const { length, elementwise } = transformOf(transform);
  if (!source || 'from' in source || !elementwise) return null;
  if (data.length !== length([source.length], parameters)) return null;
  const { from, to, convert } = elementwise;
  return {
    source,
    convert: (offset, chunk) => [(offset / from) * to, convert(chunk, parameters, label)],
  };
}

/**
 * Opens bytes of a folder for reading at any place. A reader keeps the computations it has opened
 * last, so that tensors which are stretches of one result share it.
 */
export class BytesReader {
  private readonly folder: Folder;
  private readonly lookUp: (name: string) => Transform;
  private readonly opened = new Map<string, ByteSource>();

  /** @param lookUp the transforms by name; tests bring their own */
  constructor(folder: Folder, lookUp: (name: string) => Transform = transformOf) {
    this.folder = folder;
    this.lookUp = lookUp;
  }

  /**
   * @throws EspalierError `missing-file` when a file that the bytes come from is not in the folder;
   *   reading throws what its sources throw, and what the transform refuses.
   */
  open(data: Bytes): Required<ByteSource> {
    if (data instanceof Uint8Array) return memorySource(data);
    if ('file' in data) return windowOf(openFile(this.folder, data.file), data);
    return windowOf(this.kept(data.from), data);
  }

  /** What a computation reads is kept with it, and does not count as opened. */
  private computation({ transform, parameters, sources, label }: Derivation): ByteSource {
    // Ranges of one result are read of one, as those of a reader.
    const results = new Map<string, ByteSource>();
    const opened = sources.map((data) => {
      if (!('from' in data)) return this.open(data);
      const key = derivationKey(data.from);
      const result = results.get(key) ?? this.computation(data.from);
      results.set(key, result);
      return windowOf(result, data);
    });
    return this.lookUp(transform).open(opened, parameters, label);
  }

  private kept(from: Derivation): ByteSource {
    const key = derivationKey(from);
    const source = this.opened.get(key) ?? this.computation(from);
    this.opened.delete(key);
    this.opened.set(key, source);
    for (const oldest of this.opened.keys()) {
      if (this.opened.size <= OPEN_COMPUTATIONS) break;
      this.opened.delete(oldest);
    }
    return source;
  }
}

/**
 * Results that a reader keeps open: the one it reads, and the next while two lanes cross a border.
 */
const OPEN_COMPUTATIONS = 2;

function memorySource(data: Uint8Array): Required<ByteSource> {
  return {
    size: data.length,
    read: async (offset, length) => data.slice(offset, offset + length) as Uint8Array<ArrayBuffer>,
    readInto: async (offset, target) => target.set(data.subarray(offset, offset + target.length)),
    blob: (offset, length) => new Blob([data.slice(offset, offset + length)]),
  };
}

function windowOf(
  source: ByteSource,
  { offset: start, length: size }: { offset: number; length: number },
): Required<ByteSource> {
  return {
    size,
    read: (offset, length) => source.read(start + offset, length),
    async readInto(offset, target) {
      if (source.readInto) await source.readInto(start + offset, target);
      else target.set(await source.read(start + offset, target.length));
    },
    blob: (offset, length) => source.blob?.(start + offset, length) ?? null,
  };
}
