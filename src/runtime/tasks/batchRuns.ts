// Runs one batch of sequences through the programs of a model: on packed states, or on ordinary
// rows.

import { EspalierError } from '../../errors.ts';
import type { BoundProgram, GatherIndex, ScorePrograms } from '../../model/programs/program.ts';
import type { DeviceTensor, Feed } from '../device/engine.ts';
import { type HostTensor, numbers } from '../device/host.ts';
import type { Chain } from '../pass/chain.ts';
import type { Chunk } from '../weights/windows.ts';
import type { Batch, Prediction } from './batch.ts';

/**
 * How a model runs sequences: `packed`, each distinct position once; `rows`, ordinary rows with a
 * head that takes any positions; `whole`, ordinary rows with a head that takes all of a row.
 */
export type RunForm = 'packed' | 'rows' | 'whole';

export class BatchRuns {
  private readonly chain: Chain;
  private readonly form: RunForm;
  /** Positions of one head run. */
  private readonly headPositions: number;
  private readonly indices = new WeakMap<Batch, ReadonlyMap<GatherIndex, HostTensor>>();

  constructor(chain: Chain, form: RunForm, headPositions: number) {
    this.chain = chain;
    this.form = form;
    this.headPositions = headPositions;
  }

  /** The residual stream of a batch: (1, N, C) packed, else (B, T, C). */
  embed(batch: Batch, { embed }: ScorePrograms): Promise<DeviceTensor> {
    return this.residual(embed, batch, undefined);
  }

  /** A block or sublayer; the input stays valid. */
  block(bound: BoundProgram, batch: Batch, state: Feed): Promise<DeviceTensor> {
    return this.residual(bound, batch, state);
  }

  /**
   * Negative log-likelihood of each predicted token in nats, in the order of the predictions.
   * @param turn between two runs
   */
  async nll(
    { head }: ScorePrograms,
    batch: Batch,
    state: DeviceTensor,
    turn: () => Promise<void>,
  ): Promise<Float32Array> {
    const { predictions } = batch;
    const out = new Float32Array(predictions.length);
    if (this.form === 'whole') {
      const rows = await this.chain.nllPerToken(state, batch.chunk);
      const { length } = batch.chunk;
      for (const [k, { position }] of predictions.entries())
        out[k] = rows[Math.floor(position / length)]?.[position % length] ?? Number.NaN;
      return out;
    }
    for (let from = 0; from < predictions.length; from += this.headPositions) {
      await turn();
      const part = predictions.slice(from, from + this.headPositions);
      out.set(await this.pick(head, state, part), from);
    }
    return out;
  }

  private async pick(
    head: BoundProgram,
    state: DeviceTensor,
    part: readonly Prediction[],
  ): Promise<Float32Array> {
    const length = part.length + 1;
    // What predicts nothing comes last; its id is never read.
    const positions = [...part.map(({ position }) => position), 0];
    const ids = [0, ...part.map(({ target }) => target)];
    const chunk: Chunk = { windows: [0], rows: 1, length, ids };
    const gathers = new Map([['predicting', numbers('int64', [1, length], positions)]] as const);
    const states = { residual: state, gathers };
    const { host } = await this.chain.run(head, chunk, states, new Map());
    const [output] = head.program.outputs;
    const values = host.get(output?.name ?? '')?.data;
    if (values instanceof Float32Array && values.length === part.length) return values;
    throw new EspalierError(
      'bug',
      `The head returned ${values?.length ?? 'no'} values instead of ${part.length}.`,
    );
  }

  private residual(
    bound: BoundProgram,
    batch: Batch,
    residual: Feed | undefined,
  ): Promise<DeviceTensor> {
    const { chunk, positions } = batch;
    if (this.form !== 'packed') return this.chain.stream(bound, chunk, { residual });
    const gathers = this.gathersOf(batch);
    return this.chain.stream(bound, chunk, { residual, gathers }, [1, positions]);
  }

  private gathersOf(batch: Batch): ReadonlyMap<GatherIndex, Feed> {
    const { chunk, positions, rows, nodes } = batch;
    const made =
      this.indices.get(batch) ??
      new Map<GatherIndex, HostTensor>([
        ['rows', numbers('int64', [chunk.rows, chunk.length], rows)],
        ['nodes', numbers('int64', [1, positions], nodes)],
      ]);
    this.indices.set(batch, made);
    return made;
  }
}
