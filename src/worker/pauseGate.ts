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
