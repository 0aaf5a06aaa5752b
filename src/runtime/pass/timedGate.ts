// A gate that knows how long it has held its job: that time is no part of what the job took.

import type { Gate } from './pass.ts';

export class TimedGate implements Gate {
  /** Time at the gate so far, ms. */
  heldMs = 0;
  private readonly gate: Gate | undefined;

  /** @param gate absent: nothing is held */
  constructor(gate: Gate | undefined) {
    this.gate = gate;
  }

  async wait(): Promise<void> {
    if (!this.gate) return;
    const start = performance.now();
    await this.gate.wait();
    this.heldMs += performance.now() - start;
  }
}
