// Hidden states as immutable, reference-counted sets of device tensors, one per window chunk; must not run anything.

import type { DeviceTensor } from './device.ts';

/** The residual stream of all windows at one cut. Shared freely: the last release frees it. */
export class HiddenStates {
  /** One (B, S, C) tensor per chunk. */
  readonly tensors: readonly DeviceTensor[];
  private users = 1;

  constructor(tensors: readonly DeviceTensor[]) {
    this.tensors = tensors;
  }

  retain(): this {
    this.users += 1;
    return this;
  }

  release(): void {
    this.users -= 1;
    if (this.users === 0) for (const tensor of this.tensors) tensor.free();
  }
}
