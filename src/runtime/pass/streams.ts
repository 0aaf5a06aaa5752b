// The hidden states that are alive while variants are run: who still needs which, and all of them
// as bytes; must not run anything.

import type { Unit } from '../../units.ts';
import { dropState, type HiddenStates, type IntactStates } from './hidden.ts';
import type { Step, Variant } from './schedule.ts';

/** A state as raw bytes, (S, C) of each window in the order of the windows. */
export type WindowBytes = Uint8Array[];

/**
 * How far a pass over the line came, so that it can go on without the blocks before. Positions are
 * those of the line.
 */
export interface PassState {
  /** The intact stream has gone through the line up to here. */
  front: number;
  /** Intact states that are still needed, by position. */
  intact: { at: number; windows: WindowBytes }[];
  /** Variants on their way, and the position that they run next. */
  streams: { unit: Unit; next: number; windows: WindowBytes }[];
}

/** The same, on the device. */
export interface LiveState {
  front: number;
  streams: Map<Unit, { next: number; state: HiddenStates }>;
}

/**
 * Owns the variants' states; those of the intact stream belong to the owner of the map, unless
 * nothing is kept for later.
 */
export class Streams {
  private readonly intact: IntactStates;
  private readonly starts: ReadonlyMap<Unit, number>;
  private readonly keepIntact: boolean;
  private readonly streams: LiveState['streams'];
  private front: number;
  private intactSteps: number;
  /** Variants that have yet to leave the intact stream, by position. */
  private readonly waiting = new Map<number, number>();

  /**
   * @param starts where each variant leaves the intact stream
   * @param keepIntact false: an intact state goes as soon as no variant needs it
   */
  constructor(
    intact: IntactStates,
    steps: readonly Step[],
    starts: ReadonlyMap<Unit, number>,
    keepIntact: boolean,
    { front, streams }: LiveState,
  ) {
    this.intact = intact;
    this.starts = starts;
    this.keepIntact = keepIntact;
    this.front = front;
    this.streams = new Map(streams);
    this.intactSteps = steps.filter(({ variant }) => variant === 'intact').length;
    for (const variant of new Set(steps.map((step) => step.variant)))
      if (variant !== 'intact' && !this.streams.has(variant)) this.wait(this.startOf(variant), 1);
  }

  /** What the next step of a variant reads. */
  of(variant: Variant): HiddenStates {
    const state =
      variant === 'intact'
        ? this.intact.get(this.front)
        : (this.streams.get(variant)?.state ?? this.start(variant));
    if (!state) throw new Error(`no hidden state for ${variant}`);
    return state;
  }

  /** A variant has run what stands at `at`. */
  advance(variant: Variant, at: number, output: HiddenStates): void {
    if (variant === 'intact') {
      this.front = at + 1;
      dropState(this.intact, this.front);
      this.intact.set(this.front, output);
      this.intactSteps -= 1;
      this.tidy(at);
      return;
    }
    const before = this.streams.get(variant);
    this.streams.set(variant, { next: at + 1, state: output });
    if (before) before.state.release();
    else this.leave(variant);
  }

  /** The head has run on a variant. */
  end(variant: Variant): void {
    if (variant === 'intact') {
      this.intactSteps -= 1;
      this.tidy(this.front);
      return;
    }
    const before = this.streams.get(variant);
    this.streams.delete(variant);
    if (before) before.state.release();
    else this.leave(variant);
  }

  /** Everything that the steps to come need, read back. */
  async save(read: (state: HiddenStates) => Promise<WindowBytes>): Promise<PassState> {
    const out: PassState = { front: this.front, intact: [], streams: [] };
    for (const [at, state] of [...this.intact])
      if (this.isNeeded(at)) out.intact.push({ at, windows: await read(state) });
    for (const [unit, { next, state }] of [...this.streams])
      out.streams.push({ unit, next, windows: await read(state) });
    return out;
  }

  release(): void {
    for (const { state } of this.streams.values()) state.release();
    this.streams.clear();
  }

  private start(unit: Unit): HiddenStates | undefined {
    return this.intact.get(this.startOf(unit));
  }

  private startOf(unit: Unit): number {
    const at = this.starts.get(unit);
    if (at === undefined) throw new Error(`${unit} is no candidate`);
    return at;
  }

  private leave(unit: Unit): void {
    const at = this.startOf(unit);
    this.wait(at, -1);
    this.tidy(at);
  }

  private wait(at: number, more: number): void {
    this.waiting.set(at, (this.waiting.get(at) ?? 0) + more);
  }

  private isNeeded(at: number): boolean {
    return (this.waiting.get(at) ?? 0) > 0 || (at === this.front && this.intactSteps > 0);
  }

  private tidy(at: number): void {
    if (!this.keepIntact && !this.isNeeded(at)) dropState(this.intact, at);
  }
}

/**
 * The steps that a pass which came as far as `state` has yet to run, or null when they need
 * something that it has not.
 * @param held positions whose intact states are there anyway
 */
export function stepsAfter(
  steps: readonly Step[],
  starts: ReadonlyMap<Unit, number>,
  state: PassState,
  held: ReadonlySet<number>,
): Step[] | null {
  const next = new Map(state.streams.map((stream) => [stream.unit, stream.next]));
  const left = steps.filter(
    (step) =>
      step.kind === 'head' ||
      step.at >= (step.variant === 'intact' ? state.front : (next.get(step.variant) ?? 0)),
  );
  const intact = new Set([...held, ...state.intact.map(({ at }) => at)]);
  for (const { variant } of left) {
    if (variant === 'intact') {
      if (!intact.has(state.front)) return null;
    } else if (!next.has(variant)) {
      const start = starts.get(variant) ?? 0;
      if (start <= state.front && !intact.has(start)) return null;
    }
  }
  return left;
}
