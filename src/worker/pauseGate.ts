// Holds a job between two runs while it is paused; a cancelled job is never held.

import type { Gate } from '../runtime/pass/gate.ts';

export class PauseGate implements Gate {
  private readonly signal: AbortSignal;
  private held: Promise<void> | null = null;
  private open = (): void => {};

  constructor(signal: AbortSignal) {
    this.signal = signal;
    signal.addEventListener('abort', () => this.pause(false));
  }

  pause(on: boolean): void {
    if (!on || this.signal.aborted) {
      this.held = null;
      this.open();
    } else
      this.held ??= new Promise((resolve) => {
        this.open = resolve;
      });
  }

  async wait(): Promise<void> {
    await this.held;
  }
}

/** The gate of a kind of job: it may be paused before its run has begun. */
export class JobGate {
  private gate: PauseGate | null = null;
  private paused = false;

  pause(on: boolean): void {
    this.paused = on;
    this.gate?.pause(on);
  }

  /** Before a run waits for its turn: what is paused from now on is this one. */
  prepare(): void {
    this.paused = false;
    this.gate = null;
  }

  /** The gate of the run that begins. */
  begin(signal: AbortSignal): Gate {
    const gate = new PauseGate(signal);
    gate.pause(this.paused);
    this.gate = gate;
    return gate;
  }
}
