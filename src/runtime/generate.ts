// Runs a whole graph file as its users will: prompt logits and greedy decoding with and without the cache; must not cut or change the graph.

import { EspalierError, throwIfCancelled } from '../errors.ts';
import type { OpenedModel } from '../model/open.ts';
import { isRange, type Tensor } from '../onnx/graph.ts';
import type { Folder } from '../onnx/source.ts';
import type { Compiled, Engine, ExternalData } from './device.ts';
import { emptyStates, type GraphIo, graphIo, stepFeeds } from './graphIo.ts';
import { type HostTensor, toFloat32 } from './host.ts';
import { READ_BYTES } from './readRanges.ts';
import { whyNotOn } from './runnable.ts';
import { createBreather } from './yield.ts';

/** Logits of the rows that the graph gives: one per token, or the last one only. */
export interface Logits {
  rows: number;
  vocab: number;
  /** (rows, vocab), row by row. */
  data: Float32Array;
}

export interface Generation {
  ids: number[];
  /** Best minus second logit at each step: where small, another device may choose differently. */
  margins: number[];
  /** (V,) at each step, when asked for. */
  logits: Float32Array[];
}

export interface GenerateOptions {
  /** With the KV cache; false repeats the whole sequence each step. */
  cache: boolean;
  /** These ids are fed instead of the greedy choices. */
  forced?: readonly number[];
  keepLogits?: boolean;
  signal?: AbortSignal | undefined;
  onStep?: (done: number) => void;
}

export interface OpenOptions {
  signal?: AbortSignal | undefined;
  /** A graph that starts from embeddings is fed with numbers made from the ids: enough to compare runs with each other, meaningless as text. */
  standInEmbeddings?: boolean;
}

/** A compiled graph file with its external data. The folder may be a disk, a zip or a manifest. */
export class GraphRunner {
  readonly io: GraphIo;
  private readonly engine: Engine;
  private readonly compiled: Compiled;

  private constructor(engine: Engine, compiled: Compiled, io: GraphIo) {
    this.engine = engine;
    this.compiled = compiled;
    this.io = io;
  }

  /**
   * Reads graph and data whole and compiles them, exactly as the bytes are.
   * @throws EspalierError `unsupported-op` (see `whyNotOn`), `unsupported-graph`, `out-of-memory`, `missing-file`.
   */
  static async open(opened: OpenedModel, engine: Engine, options: OpenOptions = {}): Promise<GraphRunner> {
    const { signal } = options;
    const io = graphIo(opened, options.standInEmbeddings ?? false);
    const reason = whyNotOn(engine.kind, opened);
    if (reason) throw new EspalierError('unsupported-op', reason, 'Use the other device.');
    const { folder, graphPath } = opened;
    const graph = await readWhole(folder, graphPath, signal);
    const directory = graphPath.slice(0, graphPath.lastIndexOf('/') + 1);
    const externalData: ExternalData[] = [];
    for (const file of dataFiles(opened)) {
      const path = file.startsWith(directory) ? file.slice(directory.length) : file;
      externalData.push({ path, data: await readWhole(folder, file, signal) });
    }
    return new GraphRunner(engine, await engine.compileModel(graphPath, graph, externalData), io);
  }

  /** Logits of one cacheless forward pass over `ids` (1, T). */
  async logits(ids: readonly number[]): Promise<Logits> {
    return (await this.step(ids, 0, emptyStates(this.io, ids.length))).logits;
  }

  /** Negative log-likelihood of ids[1..] in nats, accumulated in float64, or null when the graph gives the last row only. */
  async nllPerToken(ids: readonly number[]): Promise<Float64Array | null> {
    const { rows, vocab, data } = await this.logits(ids);
    if (rows !== ids.length) return null;
    return Float64Array.from({ length: ids.length - 1 }, (_, t) =>
      negativeLogLikelihood(data.subarray(t * vocab, (t + 1) * vocab), ids[t + 1] ?? 0),
    );
  }

  /** Greedy decoding of `steps` tokens after `prompt`. @throws EspalierError `cancelled`. */
  async generate(prompt: readonly number[], steps: number, options: GenerateOptions): Promise<Generation> {
    const out: Generation = { ids: [], margins: [], logits: [] };
    const useCache = options.cache && this.io.states.size > 0;
    const capacity = prompt.length + steps;
    const breathe = createBreather();
    let states = emptyStates(this.io, capacity);
    let ids = [...prompt];
    let start = 0;
    for (let step = 0; step < steps; step++) {
      await breathe();
      throwIfCancelled(options.signal);
      const result = await this.step(ids, start, states);
      const last = result.logits.data.subarray((result.logits.rows - 1) * result.logits.vocab);
      const { best, margin } = greedy(last);
      out.ids.push(best);
      out.margins.push(margin);
      if (options.keepLogits) out.logits.push(last.slice());
      const next = options.forced?.[step] ?? best;
      if (useCache) {
        start += ids.length;
        states = result.states;
        ids = [next];
      } else ids = [...ids, next];
      options.onStep?.(step + 1);
    }
    return out;
  }

  async dispose(): Promise<void> {
    await this.engine.release([this.compiled]);
    this.engine.trim();
  }

  private async step(
    ids: readonly number[],
    start: number,
    states: Map<string, HostTensor>,
  ): Promise<{ logits: Logits; states: Map<string, HostTensor> }> {
    const feeds = new Map([...stepFeeds(this.io, ids, start), ...states]);
    const { host } = await this.engine.run(this.compiled, feeds, new Map());
    const logits = host.get(this.io.logits);
    if (!logits) throw new EspalierError('bug', `The graph returned no "${this.io.logits}".`);
    const vocab = logits.dims.at(-1) ?? 0;
    const next = new Map<string, HostTensor>();
    for (const [input, output] of this.io.states) {
      const state = host.get(output);
      if (state) next.set(input, state);
    }
    const data = toFloat32(logits);
    return { logits: { rows: data.length / vocab, vocab, data }, states: next };
  }
}

/** Files other than the graph that its tensors lie in. */
function dataFiles({ structure, graphPath }: OpenedModel): string[] {
  const files = new Set<string>();
  const add = ({ data }: Tensor): void => void (isRange(data) && data.file !== graphPath && files.add(data.file));
  for (const tensor of structure.model.graph.initializers.values()) add(tensor);
  return [...files].sort();
}

async function readWhole(folder: Folder, path: string, signal: AbortSignal | undefined): Promise<Uint8Array<ArrayBuffer>> {
  const source = folder.open(path);
  if (!source) throw new EspalierError('missing-file', `The folder has no file ${path}.`, 'Add the file and open the folder again.');
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = new Uint8Array(source.size);
  } catch (error) {
    throw new EspalierError(
      'out-of-memory',
      `${path} (${source.size} bytes) does not fit in one piece of memory.`,
      'Export a smaller or quantised model to run it here.',
      String(error),
    );
  }
  for (let at = 0; at < source.size; at += READ_BYTES) {
    throwIfCancelled(signal);
    bytes.set(await source.read(at, Math.min(READ_BYTES, source.size - at)), at);
  }
  return bytes;
}

function greedy(logits: Float32Array): { best: number; margin: number } {
  let best = 0;
  let second = Number.NEGATIVE_INFINITY;
  for (let id = 1; id < logits.length; id++) {
    const value = logits[id] ?? Number.NaN;
    if (value > (logits[best] ?? 0)) {
      second = logits[best] ?? 0;
      best = id;
    } else if (value > second) second = value;
  }
  return { best, margin: (logits[best] ?? 0) - second };
}

function negativeLogLikelihood(logits: Float32Array, target: number): number {
  let top = Number.NEGATIVE_INFINITY;
  for (const value of logits) if (value > top) top = value;
  let sum = 0;
  for (const value of logits) sum += Math.exp(value - top);
  return Math.log(sum) + top - (logits[target] ?? Number.NaN);
}
