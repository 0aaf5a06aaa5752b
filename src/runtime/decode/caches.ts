// Where a decoding graph's caches lie between runs: in GPU buffers of our own, or in what ONNX
// Runtime returned.

import type { Tensor } from 'onnxruntime-web';
import type { CacheKind } from '../../contract/variant.ts';
import type { DeviceBuffer, DeviceTensor, Engine } from '../device/engine.ts';
import { byteSize, count, elements, filled } from '../device/host.ts';
import { type GraphIo, grows, type StateIo, stateDims } from './graphIo.ts';
import type { Feeds } from './tokenFeeds.ts';

export type Fetches = Record<string, Tensor | null>;

/**
 * The caches of one sequence (M rows). The order of calls is: begin, then before and after of every
 * run.
 */
export interface Caches {
  readonly kind: CacheKind;
  /** Bytes held now. */
  readonly bytes: number;
  /** Empties the caches and makes room. @throws EspalierError `out-of-memory`, `too-large`. */
  begin(feeds: Feeds, fetches: Fetches, batch: number, capacity: number): void;
  /** Puts what a run of `length` tokens reads and writes; `start` tokens are in the caches. */
  before(feeds: Feeds, fetches: Fetches, start: number, length: number): void;
  after(feeds: Feeds, results: Readonly<Record<string, Tensor>>): void;
  free(): void;
}

export interface CacheOptions {
  /** False: the graph's caches stay empty and every run gets the whole sequence. */
  cache: boolean;
  /** Alternate two buffers even where one could be past and present at once. */
  growing: boolean;
}

/** Element types that ONNX Runtime binds from GPU buffers as caches. */
const ON_GPU = new Set(['float32', 'float16']);

export function makeCaches(io: GraphIo, engine: Engine, { cache, growing }: CacheOptions): Caches {
  if (!cache || io.states.length === 0) return new NoCaches(io, engine);
  const share = io.shareable && !growing;
  const own =
    engine.kind === 'webgpu' &&
    io.states.every(({ type }) => ON_GPU.has(type)) &&
    (share || !io.staticCache);
  return own ? new OwnCaches(io.states, engine, share) : new ReturnedCaches(io, engine);
}

/**
 * What ONNX Runtime returns is fed again. Its web build copies tensors in ordinary memory in and
 * out at every run, whoever allocated them.
 */
class ReturnedCaches implements Caches {
  readonly kind = 'growing';
  private readonly io: GraphIo;
  private readonly engine: Engine;
  private feeds: Readonly<Feeds> = {};

  constructor(io: GraphIo, engine: Engine) {
    this.io = io;
    this.engine = engine;
  }

  get bytes(): number {
    return this.io.states.reduce(
      (sum, { input }) =>
        sum + ((this.feeds[input]?.data as Uint8Array | undefined)?.byteLength ?? 0),
      0,
    );
  }

  begin(feeds: Feeds, fetches: Fetches, batch: number, capacity: number): void {
    for (const state of this.io.states) {
      feeds[state.input] = this.engine.wrap(
        filled(state.type, stateDims(state, batch, this.io.staticCache ? capacity : 0), 0),
      );
      fetches[state.output] = null;
    }
  }

  before(): void {}

  after(feeds: Feeds, results: Readonly<Record<string, Tensor>>): void {
    for (const { input, output } of this.io.states) {
      const tensor = results[output];
      if (tensor) feeds[input] = tensor;
    }
    this.feeds = feeds;
  }

  free(): void {
    this.feeds = {};
  }
}

/** Own buffers of full capacity on the device; nothing is allocated from step to step. */
class OwnCaches implements Caches {
  readonly kind: CacheKind;
  bytes = 0;
  private readonly states: readonly StateIo[];
  private readonly engine: Engine;
  private readonly share: boolean;
  private shape = '';
  private batch = 0;
  private buffers: {
    state: StateIo;
    turn: [DeviceBuffer, DeviceBuffer];
    whole: [DeviceTensor, DeviceTensor] | null;
  }[] = [];

  constructor(states: readonly StateIo[], engine: Engine, share: boolean) {
    this.states = states;
    this.engine = engine;
    this.share = share;
    this.kind = share ? 'static' : 'growing';
  }

  begin(feeds: Feeds, fetches: Fetches, batch: number, capacity: number): void {
    const shape = `${batch} x ${capacity}`;
    if (shape !== this.shape) {
      this.free();
      this.batch = batch;
      for (const state of this.states) this.allocate(state, capacity);
      this.shape = shape;
    }
    for (const { state, turn, whole } of this.buffers) {
      if (!whole) continue;
      feeds[state.input] = whole[0].tensor;
      fetches[state.output] = whole[1].tensor;
      if (!grows(state)) turn[0].write(0, new Uint8Array(byteSize(state.type, whole[0].dims)));
    }
  }

  before(feeds: Feeds, fetches: Fetches, start: number, length: number): void {
    for (const { state, turn, whole } of this.buffers) {
      if (whole) {
        feeds[state.input] = whole[0].tensor;
        fetches[state.output] = whole[1].tensor;
        continue;
      }
      const past = stateDims(state, this.batch, start);
      feeds[state.input] =
        count(past) > 0
          ? turn[0].view(state.type, past).tensor
          : this.engine.wrap({
              type: state.type,
              dims: past,
              data: elements(state.type, new Uint8Array(0)),
            });
      fetches[state.output] = turn[1].view(
        state.type,
        stateDims(state, this.batch, start + length),
      ).tensor;
    }
  }

  after(): void {
    for (const { turn, whole } of this.buffers) {
      turn.reverse();
      whole?.reverse();
    }
  }

  free(): void {
    for (const { turn } of this.buffers) for (const buffer of new Set(turn)) buffer.free();
    this.buffers = [];
    this.shape = '';
    this.bytes = 0;
  }

  private allocate(state: StateIo, capacity: number): void {
    const { type, input } = state;
    const dims = stateDims(state, this.batch, capacity);
    const make = (): DeviceBuffer => {
      const buffer = this.engine.allocate(byteSize(type, dims), 'cache', `cache ${input}`);
      this.bytes += buffer.bytes;
      return buffer;
    };
    const first = make();
    const entry: (typeof this.buffers)[number] = { state, turn: [first, first], whole: null };
    // Listed before the second buffer is asked for, so that a refusal frees the first.
    this.buffers.push(entry);
    if (!grows(state) || !this.share) entry.turn[1] = make();
    if (!grows(state) || this.share)
      entry.whole = [entry.turn[0].view(type, dims), entry.turn[1].view(type, dims)];
  }
}

/** Every run starts with empty caches; the caches that it writes are not fetched. */
class NoCaches implements Caches {
  readonly kind = 'none';
  readonly bytes = 0;
  private readonly io: GraphIo;
  private readonly engine: Engine;
  private batch = 1;

  constructor(io: GraphIo, engine: Engine) {
    this.io = io;
    this.engine = engine;
  }

  begin(feeds: Feeds, _fetches: Fetches, batch: number): void {
    this.batch = batch;
    if (!this.io.staticCache) this.put(feeds, 0);
  }

  before(feeds: Feeds, _fetches: Fetches, start: number, length: number): void {
    const { staticCache, leastCapacity } = this.io;
    if (staticCache) this.put(feeds, Math.max(start + length, leastCapacity));
  }

  after(): void {}

  free(): void {}

  private put(feeds: Feeds, capacity: number): void {
    for (const state of this.io.states)
      feeds[state.input] = this.engine.wrap(
        filled(state.type, stateDims(state, this.batch, capacity), 0),
      );
  }
}
