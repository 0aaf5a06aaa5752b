// Hidden states as immutable, reference-counted sets of device tensors, one tensor per chunk of
// windows.

import type { DeviceTensor } from '../device/engine.ts';

/** States by cut; index b is the stream before block b. The owner of the map releases them. */
export type StatesByCut = Map<number, HiddenStates>;

/** The residual stream of all windows at one cut. Shared freely: the last release frees it. */
export class HiddenStates {
  /** One (B, S, C) tensor per chunk. */
  readonly tensors: readonly DeviceTensor[];
  private readonly free: () => void;
  private users = 1;

  /**
   * @param free what the last release does; by default it frees the tensors, which views of buffers
   * do not need.
   */
  constructor(
    tensors: readonly DeviceTensor[],
    free: () => void = () => tensors.forEach((tensor) => void tensor.free()),
  ) {
    this.tensors = tensors;
    this.free = free;
  }

  retain(): this {
    this.users += 1;
    return this;
  }

  release(): void {
    this.users -= 1;
    if (this.users === 0) this.free();
  }
}

/** Takes one state out of a map. */
export function dropState(states: StatesByCut, cut: number): void {
  states.get(cut)?.release();
  states.delete(cut);
}

/** The last cut up to which a map holds every state, or -1. */
export function heldUpTo(states: StatesByCut): number {
  let cut = -1;
  while (states.has(cut + 1)) cut++;
  return cut;
}
