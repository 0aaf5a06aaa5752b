// The timer of automatic measurements: runs once a plan has stayed still for a while.

import type { Context } from '../context.ts';
import { autoKey } from './auto.ts';

export interface SettledTimer {
  /** Call after every change; `key` is the measurement that the current plan should get. */
  schedule(key: string | null): void;
  /** Failed or was stopped: not tried again by itself until another plan comes. */
  abandon(key: string | null): void;
  abandoned(): string | null;
  stop(): void;
}

/** How long a plan stays still before it is measured by itself. */
const SETTLE_MS = 1000;

export function makeSettledTimer(context: Context, measure: () => void): SettledTimer {
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** What the timer waits for. */
  let waiting: string | null = null;
  let abandonedKey: string | null = null;

  return {
    abandon(key) {
      abandonedKey = key;
    },
    abandoned: () => abandonedKey,
    stop: () => clearTimeout(timer),
    schedule(key) {
      if (key === waiting) return;
      clearTimeout(timer);
      waiting = key;
      if (key === null || key === abandonedKey) return;
      timer = setTimeout(() => {
        waiting = null;
        if (key !== abandonedKey && autoKey(context.get()) === key) measure();
      }, context.settleMs ?? SETTLE_MS);
    },
  };
}
