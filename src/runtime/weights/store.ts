// The weight store: byte ranges of the user's files become device buffers, each range once.

import { EspalierError, throwIfCancelled } from '../../errors.ts';
import type { BoundProgram, ElementType, WeightRef } from '../../model/programs/program.ts';
import { BytesReader, keyOf, streamOf } from '../../onnx/bytes.ts';
import type { Bytes, Folder } from '../../onnx/source.ts';
import type { Engine, Feed } from '../device/engine.ts';
import { elements } from '../device/host.ts';
import { type RangeTarget, readRanges } from './readRanges.ts';

/** Bytes computed at a time: they stay in the processor's cache until they are written. */
const COMPUTED_BYTES = 2 ** 22;

/** Memory whose bytes can be read as tensors. */
interface Holder {
  write(offset: number, data: Uint8Array<ArrayBuffer>): void;
  view(type: ElementType, dims: readonly number[]): Feed;
  free(): void;
}

interface Stored {
  holder: Holder;
  users: number;
}

/** What a call of `load` has to read. */
interface Reads {
  ranges: RangeTarget[];
  computed: { data: Bytes; holder: Holder }[];
}

interface Binding {
  feeds: Map<string, Feed>;
  keys: string[];
}

export interface LoadOptions {
  /** The programs run on the CPU provider: everything is fed from ordinary memory. */
  cpu?: boolean;
  signal?: AbortSignal | undefined;
  /** Called with the bytes of each finished read. */
  onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * Weights of bound programs; equal ranges share one buffer however often and in whatever dims they
 * are bound.
 */
export class WeightStore {
  private readonly engine: Engine;
  private readonly folder: Folder;
  private readonly stored = new Map<string, Stored>();
  private readonly bindings = new Map<BoundProgram, Binding>();

  constructor(engine: Engine, folder: Folder) {
    this.engine = engine;
    this.folder = folder;
  }

  /**
   * Loads what `programs` need and is not there yet; neighbouring ranges are read together.
   * @throws EspalierError `missing-file`, `corrupt-file`, `out-of-memory`, `cancelled`; nothing of
   *   the call stays loaded then.
   */
  async load(programs: readonly BoundProgram[], options: LoadOptions = {}): Promise<void> {
    const fresh = programs.filter((program) => !this.bindings.has(program));
    if (fresh.length === 0) return;
    const reads: Reads = { ranges: [], computed: [] };
    try {
      for (const program of fresh) this.bind(program, options.cpu ?? false, reads);
      await readRanges(this.folder, reads.ranges, options);
      await this.compute(reads.computed, options);
      await this.engine.check();
    } catch (error) {
      this.release(fresh);
      throw error;
    }
  }

  /** Program input name to tensor. @throws EspalierError `bug` when the program was not loaded. */
  feeds(program: BoundProgram): ReadonlyMap<string, Feed> {
    const binding = this.bindings.get(program);
    if (!binding)
      throw new EspalierError('bug', `The weights of ${program.program.id} are not loaded.`);
    return binding.feeds;
  }

  /** Releases the programs' weights; buffers without users are freed. */
  release(programs: readonly BoundProgram[]): void {
    for (const program of programs) {
      for (const key of this.bindings.get(program)?.keys ?? []) {
        const entry = this.stored.get(key);
        if (!entry) continue;
        entry.users -= 1;
        if (entry.users > 0) continue;
        entry.holder.free();
        this.stored.delete(key);
      }
      this.bindings.delete(program);
    }
  }

  dispose(): void {
    this.release([...this.bindings.keys()]);
  }

  private bind(program: BoundProgram, cpu: boolean, reads: Reads): void {
    const binding: Binding = { feeds: new Map(), keys: [] };
    this.bindings.set(program, binding);
    for (const [input, ref] of program.weights) {
      const host =
        cpu || ref.byteLength === 0 || this.engine.keepsOnHost(ref.type, program.program);
      const key = `${host ? 'host' : 'device'}:${keyOf(ref.data)}`;
      const entry = this.stored.get(key) ?? this.add(key, ref, host, reads);
      entry.users += 1;
      binding.keys.push(key);
      binding.feeds.set(input, entry.holder.view(ref.type, ref.dims));
    }
  }

  private add(key: string, ref: WeightRef, host: boolean, reads: Reads): Stored {
    const holder = host
      ? this.hostHolder(ref.byteLength)
      : this.engine.allocate(ref.byteLength, 'weights', `weight ${ref.name}`);
    const entry: Stored = { holder, users: 0 };
    this.stored.set(key, entry);
    const stream = streamOf(ref.data);
    if (!stream) reads.computed.push({ data: ref.data, holder });
    else {
      const { source, convert } = stream;
      const write = (offset: number, data: Uint8Array<ArrayBuffer>): void =>
        holder.write(...convert(offset, data));
      if (source instanceof Uint8Array) write(0, source.slice());
      else reads.ranges.push({ range: source, write });
    }
    return entry;
  }

  /** What is computed from several ranges, one stretch at a time. */
  private async compute(reads: Reads['computed'], { signal, onBytes }: LoadOptions) {
    const reader = new BytesReader(this.folder);
    const most = Math.max(0, ...reads.map(({ data }) => data.length));
    // What is written is copied, so one piece of memory serves all.
    const memory = new Uint8Array(Math.min(COMPUTED_BYTES, most));
    for (const { data, holder } of reads) {
      const source = reader.open(data);
      for (let at = 0; at < source.size; at += COMPUTED_BYTES) {
        throwIfCancelled(signal);
        const part = memory.subarray(0, Math.min(COMPUTED_BYTES, source.size - at));
        await source.readInto(at, part);
        holder.write(at, part);
        onBytes?.(part.length);
      }
    }
  }

  private hostHolder(bytes: number): Holder {
    const memory = new Uint8Array(bytes);
    const close = this.engine.ledger.add('weights', bytes);
    return {
      write: (offset, data) => memory.set(data, offset),
      view: (type, dims) => ({ type, dims, data: elements(type, memory) }),
      free: close,
    };
  }
}
