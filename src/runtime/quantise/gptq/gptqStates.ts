// The hidden states of the calibration windows while GPTQ goes through the units of a model: those
// of the model whose earlier units are quantised.

import { throwIfCancelled } from '../../../errors.ts';
import type { BoundProgram } from '../../../model/programs/program.ts';
import { freeAll, type KeptState, keep } from '../../gradients/states.ts';
import type { Chain } from '../../pass/chain.ts';
import type { Chunk } from '../../weights/windows.ts';

export interface GptqRuns {
  chain: Chain;
  signal: AbortSignal | undefined;
  /** Between two runs: lets the event loop turn. @throws EspalierError `cancelled` */
  turn(): Promise<void>;
  /** The program of a part with what has become of its matrices. */
  quantised(part: number): Promise<BoundProgram>;
  /** After a part has run on all windows of a group. */
  onPart(): void;
}

/** Groups of windows; the states of the one that was used last are held. */
export class GptqStates {
  readonly groups: readonly (readonly Chunk[])[];
  private readonly runs: GptqRuns;
  private held: { group: number; part: number; states: KeptState[] } | null = null;

  constructor(groups: readonly (readonly Chunk[])[], runs: GptqRuns) {
    this.groups = groups;
    this.runs = runs;
  }

  /** The states of a group before a part, a tensor for each chunk; they stay with this object. */
  async before(group: number, part: number): Promise<readonly KeptState[]> {
    if (this.held?.group !== group || this.held.part > part) {
      this.release();
      this.held = { group, part: 0, states: await this.embedded(this.groups[group]!) };
    }
    const { held } = this;
    for (; held.part < part; held.part++) await this.step(held.part, held.states, group);
    return held.states;
  }

  /** Whether all windows are one group, whose states go on from part to part. */
  get holds(): boolean {
    return this.groups.length === 1;
  }

  release(): void {
    freeAll(this.held?.states ?? []);
    this.held = null;
  }

  private async embedded(chunks: readonly Chunk[]): Promise<KeptState[]> {
    const { chain, signal } = this.runs;
    const { embed } = chain.programs;
    const done: KeptState[] = [];
    await chain.prepareLate([embed], signal);
    try {
      for (const chunk of chunks) {
        await this.runs.turn();
        done.push(await keep(chain.engine, await chain.embed(chunk)));
      }
      return done;
    } catch (error) {
      freeAll(done);
      throw error;
    } finally {
      chain.weights.release([embed]);
    }
  }

  /** Each state makes room for the next one of its chunk. */
  private async step(part: number, states: KeptState[], group: number): Promise<void> {
    const { chain, signal, turn, quantised, onPart } = this.runs;
    throwIfCancelled(signal);
    const bound = await quantised(part);
    await chain.prepareLate([bound], signal);
    try {
      for (const [at, chunk] of this.groups[group]!.entries()) {
        await turn();
        const before = states[at]!;
        const after = await chain.stream(bound, chunk, { residual: before.feed });
        states[at] = await keep(chain.engine, after);
        before.free();
      }
    } catch (error) {
      // Some are those before the part, some those after it.
      this.release();
      throw error;
    } finally {
      chain.weights.release([bound]);
    }
    onPart();
  }
}
