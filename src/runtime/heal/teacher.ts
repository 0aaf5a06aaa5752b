// The original as a teacher: its last hidden states for the sequences of a training, computed once
// where they fit, and again for each step where they do not.

import { EspalierError } from '../../errors.ts';
import { type BoundProgram, type ScorePrograms, traitsOf } from '../../model/programs/program.ts';
import type { Folder } from '../../onnx/source.ts';
import type { Sequence } from '../../text/training/sequences.ts';
import type { Engine } from '../device/engine.ts';
import { BackwardPass, type PassJob } from '../gradients/backwardPass.ts';
import { freeAll, valuesOf } from '../gradients/states.ts';
import { Chain } from '../pass/chain.ts';
import { StageLoader } from '../pass/stageLoader.ts';
import { sidePrograms } from '../weights/stages.ts';
import type { WeightStore } from '../weights/store.ts';
import { type ChunkOptions, weightedChunks } from './trainingData.ts';

export interface TeacherOptions {
  /** Score programs of the intact model in float32. */
  original: ScorePrograms;
  folder: Folder;
  engine: Engine;
  /** Those of the plan: what both read is there once. */
  weights: WeightStore;
  sequences: readonly Sequence[];
  /** Bytes of states that may be kept. */
  room: number;
  /** Chunks that go through the blocks together. */
  group: number;
  chunks: ChunkOptions;
  /** Frees what the plan streams: it reads it again. */
  makeRoom(): Promise<void>;
  /** Two stages fit beside what training holds. */
  prefetch: boolean;
  signal: AbortSignal | undefined;
  turn: PassJob['turn'];
}

export class Teacher {
  private readonly options: TeacherOptions;
  private readonly chain: Chain;
  private readonly loader: StageLoader;
  /** By sequence: (S, C) and what its entry in the ledger is closed with. */
  private readonly known = new Map<number, { state: Float32Array; free(): void }>();
  private readonly passing = new Set<number>();
  private bytes = 0;
  private compiled = false;

  constructor(options: TeacherOptions) {
    this.options = options;
    const { original, folder, engine, weights, prefetch } = options;
    // Copies: bindings are counted by the program object, and those of the plan stay.
    this.chain = new Chain(ownBindings(original), folder, engine, weights);
    this.loader = new StageLoader(this.chain, { resident: false, prefetch });
  }

  /**
   * Makes sure that the states of these sequences are there until the next call; those that there
   * is room for stay. What it computes for a sequence does not depend on what is known already.
   * @param onBlock blocks done so far, and all
   */
  async prepare(
    places: readonly number[],
    onBlock: (done: number, total: number) => void = () => {},
  ): Promise<void> {
    this.dropPassing(new Set(places));
    const wanted = new Set(places.filter((place) => !this.known.has(place)));
    if (wanted.size === 0) return;
    const { chunks: options, group, sequences, engine, signal, turn } = this.options;
    await this.options.makeRoom();
    await this.compile();
    const chunks = companions(wanted, options.rows, sequences.length).flatMap((together) =>
      weightedChunks(sequences, together, options),
    );
    const blocks = this.chain.programs.blocks.length;
    const passes = Math.ceil(chunks.length / group);
    try {
      for (let k = 0; k < passes; k++) {
        const part = chunks.slice(k * group, (k + 1) * group);
        const { chain, loader } = this;
        const head = { rows: 1, tokens: null };
        const pass = new BackwardPass({ chain, loader, chunks: part, head, signal, turn });
        try {
          await pass.forward({
            from: blocks,
            onBlock: (block) => onBlock(k * blocks + block + 1, passes * blocks),
          });
          const states = pass.takeStates(blocks);
          try {
            for (const [at, state] of states.entries()) {
              const values = await valuesOf(engine, state);
              const { windows, length } = part[at]!;
              for (const [row, place] of windows.entries())
                if (wanted.has(place)) this.keep(place, values, row * length);
            }
          } finally {
            freeAll(states);
          }
        } finally {
          pass.free();
        }
      }
    } finally {
      await this.loader.leave();
    }
  }

  /** Computes the states of these sequences once more: to measure how long that takes. */
  async again(places: readonly number[]): Promise<void> {
    for (const place of places) {
      const known = this.known.get(place);
      if (!known) continue;
      if (!this.passing.delete(place)) this.bytes -= known.state.byteLength;
      known.free();
      this.known.delete(place);
    }
    await this.prepare(places);
  }

  /** (S, C) of a sequence that is prepared. */
  state(place: number): Float32Array {
    const found = this.known.get(place);
    if (!found) throw new EspalierError('bug', `The teacher has no state of sequence ${place}.`);
    return found.state;
  }

  async dispose(): Promise<void> {
    this.passing.clear();
    for (const { free } of this.known.values()) free();
    this.known.clear();
    await this.loader.leave();
    this.options.weights.release(sidePrograms(this.chain.programs));
    await this.chain.dispose();
  }

  private keep(place: number, values: Float32Array, row: number): void {
    if (this.known.has(place)) return;
    const { stateSize } = this.chain.programs;
    const length = this.options.sequences[place]?.ids.length ?? 0;
    const state = values.slice(row * stateSize, (row + length) * stateSize);
    const free = this.options.engine.ledger.add('hidden', state.byteLength);
    this.known.set(place, { state, free });
    if (this.bytes + state.byteLength > this.options.room) this.passing.add(place);
    else this.bytes += state.byteLength;
  }

  private dropPassing(kept: ReadonlySet<number>): void {
    for (const place of this.passing) {
      if (kept.has(place)) continue;
      this.known.get(place)?.free();
      this.known.delete(place);
      this.passing.delete(place);
    }
  }

  private async compile(): Promise<void> {
    if (this.compiled) return;
    const { signal, weights } = this.options;
    const { programs } = this.chain;
    await this.chain.compile({ signal, blocksOnly: true });
    await this.chain.compileLate([programs.embed], signal);
    await weights.load(sidePrograms(programs), { signal, cpu: true });
    this.compiled = true;
  }
}

/**
 * The sequences that are computed in one run: neighbours, whichever of them are wanted, so that the
 * numbers are the same whenever a training is interrupted.
 */
function companions(wanted: ReadonlySet<number>, rows: number, count: number): number[][] {
  const starts = new Set([...wanted].map((place) => place - (place % rows)));
  return [...starts]
    .sort((a, b) => a - b)
    .map((start) => Array.from({ length: Math.min(rows, count - start) }, (_, k) => start + k));
}

function ownBindings(programs: ScorePrograms): ScorePrograms {
  const own = (bound: BoundProgram): BoundProgram => ({ ...bound });
  const { embed, side, tokenSide, blocks, head } = programs;
  return {
    ...traitsOf(programs),
    embed: own(embed),
    side: side && own(side),
    tokenSide: tokenSide && own(tokenSide),
    blocks: blocks.map(own),
    head: own(head),
    get compare() {
      return programs.compare;
    },
  };
}
