// What happens between two runs of a healing: the event loop turns, a pause is kept, and it ends
// when it is cancelled or stopped.

import { throwIfCancelled } from '../../errors.ts';
import { createYielder } from '../device/yielder.ts';
import type { Gate } from '../pass/gate.ts';
import { TimedGate } from '../pass/gate.ts';

/** Ends a training whose best state is the result. */
export class StoppedEarly extends Error {}

export interface PauseSignals {
  signal?: AbortSignal | undefined;
  stop?: AbortSignal | undefined;
  gate?: Gate | undefined;
}

export class Pause {
  /** What is stopped measures its last state. */
  finishing = false;
  /** Lets the event loop turn where it is due, and nothing else. */
  readonly breathe = createYielder();
  private readonly signals: PauseSignals;
  private readonly gate: TimedGate;

  constructor(signals: PauseSignals) {
    this.signals = signals;
    this.gate = new TimedGate(signals.gate);
  }

  /** Time at the gate so far, ms. */
  get heldMs(): number {
    return this.gate.heldMs;
  }

  /** @throws EspalierError `cancelled`; StoppedEarly */
  turn = async (): Promise<void> => {
    const { signal, stop } = this.signals;
    await this.breathe();
    throwIfCancelled(signal);
    await this.gate.wait(signal);
    if (stop?.aborted && !this.finishing) throw new StoppedEarly();
  };
}
