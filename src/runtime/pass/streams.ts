// The hidden states that are alive while ablations run: which steps still need which state, and all
// of them as bytes for a checkpoint.

import type { Unit } from '../../units.ts';
import { dropState, type HiddenStates, type StatesByCut } from './hidden.ts';
import type { Ablation, Step } from './schedule.ts';

/** A state as raw bytes, (S, C) of each window in the order of the windows. */
export type WindowBytes = Uint8Array[];

/**
 * How far a pass over the sequence came, so that it can be resumed without running the blocks
 * before. Positions are those of the sequence.
 */
export interface PassState {
  /** The original has run the sequence up to here. */
  position: number;
  /** States of the original that are still needed, by position. */
  original: { at: number; windows: WindowBytes }[];
  /** Ablations under way, and the position that each runs next. */
  streams: { unit: Unit; next: number; windows: WindowBytes }[];
}

/** The same, on the device. */
export interface LiveState {
  position: number;
  streams: Map<Unit, { next: number; state: HiddenStates }>;
}

/**
 * Owns the states of the ablations; those of the original belong to the owner of the map, except
 * where none is needed later.
 */
export class Streams {
  private readonly original: StatesByCut;
  private readonly branchPoints: ReadonlyMap<Unit, number>;
  private readonly keepOriginal: boolean;
  private readonly streams: LiveState['streams'];
  private position: number;
  private originalSteps: number;
  /** Ablations that have yet to leave the original, by position. */
  private readonly waiting = new Map<number, number>();

  /**
   * @param branchPoints where each ablation leaves the original
   * @param keepOriginal false: a state of the original is dropped as soon as no ablation needs it
   */
  constructor(
    original: StatesByCut,
    steps: readonly Step[],
    branchPoints: ReadonlyMap<Unit, number>,
    keepOriginal: boolean,
    { position, streams }: LiveState,
  ) {
    this.original = original;
    this.branchPoints = branchPoints;
    this.keepOriginal = keepOriginal;
    this.position = position;
    this.streams = new Map(streams);
    this.originalSteps = steps.filter(({ ablation }) => ablation === 'original').length;
    for (const ablation of new Set(steps.map((step) => step.ablation)))
      if (ablation !== 'original' && !this.streams.has(ablation))
        this.wait(this.branchPointOf(ablation), 1);
  }

  /** The state that the next step of an ablation reads. */
  of(ablation: Ablation): HiddenStates {
    const state =
      ablation === 'original'
        ? this.original.get(this.position)
        : (this.streams.get(ablation)?.state ?? this.start(ablation));
    if (!state) throw new Error(`no hidden state for ${ablation}`);
    return state;
  }

  /** An ablation has run the unit at `at`. */
  advance(ablation: Ablation, at: number, output: HiddenStates): void {
    if (ablation === 'original') {
      this.position = at + 1;
      dropState(this.original, this.position);
      this.original.set(this.position, output);
      this.originalSteps -= 1;
      this.tidy(at);
      return;
    }
    const before = this.streams.get(ablation);
    this.streams.set(ablation, { next: at + 1, state: output });
    if (before) before.state.release();
    else this.leave(ablation);
  }

  /** The head has run on an ablation. */
  end(ablation: Ablation): void {
    if (ablation === 'original') {
      this.originalSteps -= 1;
      this.tidy(this.position);
      return;
    }
    const before = this.streams.get(ablation);
    this.streams.delete(ablation);
    if (before) before.state.release();
    else this.leave(ablation);
  }

  /** Everything that the steps to come need, read back. */
  async save(read: (state: HiddenStates) => Promise<WindowBytes>): Promise<PassState> {
    const out: PassState = { position: this.position, original: [], streams: [] };
    for (const [at, state] of [...this.original])
      if (this.isNeeded(at)) out.original.push({ at, windows: await read(state) });
    for (const [unit, { next, state }] of [...this.streams])
      out.streams.push({ unit, next, windows: await read(state) });
    return out;
  }

  release(): void {
    for (const { state } of this.streams.values()) state.release();
    this.streams.clear();
  }

  private start(unit: Unit): HiddenStates | undefined {
    return this.original.get(this.branchPointOf(unit));
  }

  private branchPointOf(unit: Unit): number {
    const at = this.branchPoints.get(unit);
    if (at === undefined) throw new Error(`${unit} is no candidate`);
    return at;
  }

  private leave(unit: Unit): void {
    const at = this.branchPointOf(unit);
    this.wait(at, -1);
    this.tidy(at);
  }

  private wait(at: number, more: number): void {
    this.waiting.set(at, (this.waiting.get(at) ?? 0) + more);
  }

  private isNeeded(at: number): boolean {
    return (this.waiting.get(at) ?? 0) > 0 || (at === this.position && this.originalSteps > 0);
  }

  private tidy(at: number): void {
    if (!this.keepOriginal && !this.isNeeded(at)) dropState(this.original, at);
  }
}

/**
 * The steps that a pass interrupted at `state` has yet to run; null when they need a state that is
 * neither saved nor held.
 * @param held positions whose states of the original are there anyway
 */
export function stepsAfter(
  steps: readonly Step[],
  branchPoints: ReadonlyMap<Unit, number>,
  state: PassState,
  held: ReadonlySet<number>,
): Step[] | null {
  const next = new Map(state.streams.map((stream) => [stream.unit, stream.next]));
  const left = steps.filter(
    (step) =>
      step.kind === 'head' ||
      step.at >= (step.ablation === 'original' ? state.position : (next.get(step.ablation) ?? 0)),
  );
  const original = new Set([...held, ...state.original.map(({ at }) => at)]);
  for (const { ablation } of left) {
    if (ablation === 'original') {
      if (!original.has(state.position)) return null;
    } else if (!next.has(ablation)) {
      const start = branchPoints.get(ablation) ?? 0;
      if (start <= state.position && !original.has(start)) return null;
    }
  }
  return left;
}
