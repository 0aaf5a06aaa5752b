// Logits and likelihoods of a token sequence from one pass over a whole graph file.

import { EspalierError } from '../../errors.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import type { Engine } from '../device/engine.ts';
import { fromOrt, toFloat32 } from '../device/host.ts';
import { makeCaches } from './caches.ts';
import { type LoadedGraph, type LoadOptions, loadGraph } from './loadGraph.ts';
import { type Feeds, TokenFeeds } from './tokenFeeds.ts';

/** Logits of the rows that the graph gives: one per token, or the last one only. */
export interface Logits {
  rows: number;
  vocab: number;
  /** (rows, vocab), row by row. */
  data: Float32Array;
}

/** A compiled graph file with its external data. */
export class GraphRunner {
  readonly loaded: LoadedGraph;

  private constructor(loaded: LoadedGraph) {
    this.loaded = loaded;
  }

  /** Reads and compiles the graph. Errors as `loadGraph`. */
  static async open(
    opened: OpenedModel,
    engine: Engine,
    options: LoadOptions = {},
  ): Promise<GraphRunner> {
    return new GraphRunner(await loadGraph(opened, engine, options));
  }

  /** Logits of one cacheless forward pass over `ids` (1, T). */
  async logits(ids: readonly number[]): Promise<Logits> {
    const { engine, compiled, io } = this.loaded;
    const feeds: Feeds = {};
    const caches = makeCaches(io, engine, { cache: false, growing: false });
    caches.begin(feeds, {}, 1, ids.length);
    caches.before(feeds, {}, 0, ids.length);
    new TokenFeeds(io, engine, 1, ids.length).put(feeds, ids, 0, 0);
    const tensor = (await (await engine.direct(compiled)).run(feeds, { [io.logits]: null }))[
      io.logits
    ];
    if (!tensor) throw new EspalierError('bug', `The graph returned no "${io.logits}".`);
    const data = toFloat32(fromOrt(tensor));
    const vocab = tensor.dims.at(-1) ?? 0;
    return { rows: data.length / vocab, vocab, data };
  }

  /**
   * Negative log-likelihood of ids[1..] in nats, accumulated in float64, or null when the graph
   * gives the last row only.
   */
  async nllPerToken(ids: readonly number[]): Promise<Float64Array | null> {
    const { rows, vocab, data } = await this.logits(ids);
    if (rows !== ids.length) return null;
    return Float64Array.from({ length: ids.length - 1 }, (_, t) =>
      negativeLogLikelihood(data.subarray(t * vocab, (t + 1) * vocab), ids[t + 1] ?? 0),
    );
  }

  /**
   * Negative log-likelihood of the last id of each sequence after the ids before it: all that a
   * graph with the last row only can give.
   */
  async nllOfLast(sequences: readonly (readonly number[])[]): Promise<Float64Array> {
    const values: number[] = [];
    for (const ids of sequences) {
      const { rows, vocab, data } = await this.logits(ids.slice(0, -1));
      values.push(negativeLogLikelihood(data.subarray((rows - 1) * vocab), ids.at(-1) ?? 0));
    }
    return Float64Array.from(values);
  }

  async dispose(): Promise<void> {
    await this.loaded.release();
  }
}

function negativeLogLikelihood(logits: Float32Array, target: number): number {
  let top = Number.NEGATIVE_INFINITY;
  for (const value of logits) if (value > top) top = value;
  let sum = 0;
  for (const value of logits) sum += Math.exp(value - top);
  return Math.log(sum) + top - (logits[target] ?? Number.NaN);
}
