// Decodes with a whole graph file: the prompt, then one token per step and row. Which token comes
// next is up to the caller.

import type { CacheKind } from '../../contract/variant.ts';
import { EspalierError } from '../../errors.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import type { DirectRunner, Engine } from '../device/engine.ts';
import { type Caches, type Fetches, makeCaches } from './caches.ts';
import { type LoadedGraph, type LoadOptions, loadGraph } from './loadGraph.ts';
import { LogitsRows } from './logitsRow.ts';
import { type Feeds, TokenFeeds } from './tokenFeeds.ts';

/**
 * Most tokens of a prompt in one run: the logits of all of them are computed, needed or not.
 */
const PREFILL_TOKENS = 512;
/** Most bytes of logits of one run. */
const PREFILL_LOGITS_BYTES = 256 * 2 ** 20;

export interface DecoderOptions {
  /** False repeats the whole sequence at every step. */
  cache?: boolean;
  /** Alternate two buffers per cache even where one could be past and present at once. */
  growing?: boolean;
  /** Most prompt tokens of one run; PREFILL_TOKENS by default. */
  prefillTokens?: number;
}

/**
 * One sequence of M rows at a time. Rows have the same length; what differs is which ids they hold.
 */
export class Decoder {
  readonly loaded: LoadedGraph;
  private readonly caches: Caches;
  private readonly logits: LogitsRows;
  private readonly runner: DirectRunner;
  private readonly prefillTokens: number;
  /** Every output is needed and comes back to ordinary memory. */
  private readonly readsAll: boolean;
  private readonly feeds: Feeds = {};
  private readonly fetches: Fetches = {};
  private tokens: TokenFeeds | null = null;
  private batch = 1;
  private capacity = 0;
  private shape = '';
  /** Tokens of each row that the caches hold. */
  private start = 0;
  /** Without a cache: the ids of each row so far. */
  private history: number[][] = [];

  private constructor(loaded: LoadedGraph, runner: DirectRunner, options: DecoderOptions) {
    this.loaded = loaded;
    this.runner = runner;
    this.caches = makeCaches(loaded.io, loaded.engine, {
      cache: options.cache ?? true,
      growing: options.growing ?? false,
    });
    this.logits = new LogitsRows(loaded.io, loaded.engine);
    const needed = new Set([
      loaded.io.logits,
      ...(this.cache === 'none' ? [] : loaded.io.states.map(({ output }) => output)),
    ]);
    this.readsAll = loaded.engine.onHost && runner.outputs.every((name) => needed.has(name));
    this.prefillTokens = options.prefillTokens ?? PREFILL_TOKENS;
  }

  /** Reads and compiles the graph. Errors as `loadGraph`. */
  static async open(
    opened: OpenedModel,
    engine: Engine,
    options: DecoderOptions & LoadOptions = {},
  ): Promise<Decoder> {
    return Decoder.over(await loadGraph(opened, engine, options), options);
  }

  /** A decoder over a graph that is compiled already. */
  static async over(loaded: LoadedGraph, options: DecoderOptions = {}): Promise<Decoder> {
    return new Decoder(loaded, await loaded.engine.direct(loaded.compiled), options);
  }

  get cache(): CacheKind {
    return this.caches.kind;
  }

  /** V, or null before the first run. */
  get vocab(): number | null {
    return this.logits.vocab;
  }

  /** Time spent inside ONNX Runtime's run so far, s. */
  get runSeconds(): number {
    return this.runner.seconds;
  }

  /** Bytes of caches and logits held now; weights lie in the session and are not counted. */
  get bytes(): number {
    return this.caches.bytes + this.logits.bytes;
  }

  /** Tokens of each row so far. */
  get length(): number {
    return this.caches.kind === 'none' ? (this.history[0]?.length ?? 0) : this.start;
  }

  /**
   * Starts M rows from nothing. Buffers of the sequence before are used again when M and `capacity`
   * (most tokens of a row) are the same.
   * @throws EspalierError `out-of-memory`, `too-large`, `device-lost`.
   */
  async begin(batch: number, capacity: number): Promise<void> {
    const { engine, io } = this.loaded;
    const shape = `${batch} x ${capacity}`;
    const fresh = shape !== this.shape;
    this.shape = '';
    this.batch = batch;
    this.capacity = capacity;
    this.start = 0;
    this.history = Array.from({ length: batch }, () => []);
    try {
      if (fresh) this.tokens = new TokenFeeds(io, engine, batch, capacity);
      this.caches.begin(this.feeds, this.fetches, batch, Math.max(capacity, io.leastCapacity));
      // With a cache only prompts have runs of several tokens; room for those is made as needed.
      this.logits.begin(batch, this.cache === 'none' ? capacity : 1);
      if (fresh) await engine.check();
    } catch (error) {
      this.caches.free();
      this.logits.free();
      throw error;
    }
    this.shape = shape;
  }

  /**
   * The same prompt in every row. Gives the logits after its last token, (M, V), valid until the
   * next call. Errors as `step`; `bad-input` without a token.
   */
  async prefill(ids: readonly number[]): Promise<Float32Array> {
    if (ids.length === 0)
      throw new EspalierError('bad-input', 'The prompt has no tokens.', 'Type a prompt.');
    let logits: Float32Array = new Float32Array(0);
    for (let at = 0; at < ids.length; ) {
      const part = ids.slice(at, at + this.runLength());
      at += part.length;
      const rows = Array.from({ length: this.batch }, () => part).flat();
      logits = await this.forward(rows, at === ids.length);
    }
    return logits;
  }

  /**
   * One more token in each row, `ids` (M). Gives the logits after it, (M, V), valid until the next
   * call.
   * @throws EspalierError `device-lost`, `out-of-memory`, `bug` with the runtime's own message as
   *   detail.
   */
  step(ids: ArrayLike<number>): Promise<Float32Array> {
    return this.forward(ids, true);
  }

  /** Frees caches and buffers, then the session. */
  async dispose(): Promise<void> {
    this.close();
    await this.loaded.release();
  }

  /** Frees caches and buffers; the graph stays compiled. */
  close(): void {
    this.caches.free();
    this.logits.free();
    this.shape = '';
  }

  /**
   * Tokens of the next run. Attention with a past takes several new tokens for one row only; a
   * window cache of full size takes them once.
   */
  private runLength(): number {
    const { grouped, staticCache, withPastWhen } = this.loaded.io;
    if (this.cache === 'none' || withPastWhen !== null) return Number.POSITIVE_INFINITY;
    if (this.start > 0 && ((grouped && this.batch > 1) || staticCache)) return 1;
    const row = this.batch * Math.max(1, this.vocab ?? this.loaded.io.vocabSize) * 4;
    const limit = Math.min(PREFILL_LOGITS_BYTES, this.loaded.engine.maxBufferBytes);
    return Math.max(1, Math.min(this.prefillTokens, Math.floor(limit / row)));
  }

  /** @param added (M, S) row by row; `readLogits`: whether the logits are needed. */
  private async forward(added: ArrayLike<number>, readLogits: boolean): Promise<Float32Array> {
    const { tokens, feeds, fetches } = this;
    const length = added.length / this.batch;
    if (!tokens || this.shape === '')
      throw new EspalierError('bug', 'A decoder was asked for a step before it began.');
    if (this.length + length > this.capacity)
      throw new EspalierError(
        'bug',
        `${this.length + length} tokens were fed to a decoder with room for ${this.capacity}.`,
      );
    let ids = added;
    let run = length;
    if (this.cache === 'none') {
      for (const [row, past] of this.history.entries())
        for (let k = 0; k < length; k++) past.push(added[row * length + k] ?? 0);
      ids = this.history.flat();
      run = this.length;
    }
    this.caches.before(feeds, fetches, this.start, run);
    if (this.logits.before(fetches, run))
      // A refused buffer is reported as such here; the run itself would fail with another message.
      await this.loaded.engine.check().catch((error: unknown) => {
        this.close();
        throw error;
      });
    tokens.put(feeds, ids, this.start, 1);
    const results = await (this.readsAll
      ? this.runner.run(feeds)
      : this.runner.run(feeds, fetches));
    this.caches.after(feeds, results);
    if (this.cache !== 'none') this.start += run;
    return readLogits ? this.logits.last(results, run) : new Float32Array(0);
  }
}
