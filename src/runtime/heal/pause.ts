// What happens between two runs of a healing: the event loop turns, a pause is kept, and it ends
// when it is cancelled or stopped.

import { untilAborted } from '../../async.ts';
import { throwIfCancelled } from '../../errors.ts';
import { createYielder } from '../device/yielder.ts';
import type { Gate } from '../pass/pass.ts';

/** Ends a training whose best state is the result. */
export class StoppedEarly extends Error {}

export interface PauseSignals {
  signal?: AbortSignal | undefined;
  stop?: AbortSignal | undefined;
  gate?: Gate | undefined;
}

export class Pause {
  /** Time at the gate so far, ms. */
  heldMs = 0;
  /** What is stopped measures its last state. */
  finishing = false;
  /** Lets the event loop turn where it is due, and nothing else. */
  readonly breathe = createYielder();
  private readonly signals: PauseSignals;

  constructor(signals: PauseSignals) {
    this.signals = signals;
  }

  /** @throws EspalierError `cancelled`; StoppedEarly */
  turn = async (): Promise<void> => {
    const { signal, stop, gate } = this.signals;
    await this.breathe();
    throwIfCancelled(signal);
    if (gate) {
      const start = performance.now();
      await untilAborted(gate.wait(), signal);
      this.heldMs += performance.now() - start;
    }
    if (stop?.aborted && !this.finishing) throw new StoppedEarly();
  };
}
