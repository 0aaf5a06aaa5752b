// The phase of the measurement that runs, for words and a bar.

import { derive } from '../memo.ts';
import type { StudioState } from '../state.ts';

/** What a measurement is doing, and how much of the phase is done. */
export interface MeasuringPhase {
  phase: 'load' | 'warmup' | 'timed' | 'sweep';
  which: 'original' | 'pruned' | null;
  count: readonly [at: number, of: number] | null;
  compiles: boolean;
  secondsLeft: number | null;
  /** Of the runs or bytes of this phase, from 0 to 1; null while unknown. */
  share: number | null;
}

/** Null while it starts, or nothing runs. */
export const measuringPhase = derive(
  (state: StudioState) => [state.speed.running, state.speed.progress],
  (running, progress): MeasuringPhase | null => {
    if (!progress) return null;
    const { done, total, unit, secondsLeft } = progress;
    const share = total > 0 ? Math.min(1, done / total) : null;
    const at = (n: number) => Math.min(Math.round(n) + 1, Math.round(total));
    if (unit !== 'runs') {
      const next = running?.loaded.original ? 'pruned' : 'original';
      const isInTurn = !running || running.loaded[next] !== undefined;
      return {
        phase: 'load',
        which: isInTurn ? null : next,
        count: unit === 'programs' ? [at(done), Math.round(total)] : null,
        compiles: progress.phase === 'compile',
        secondsLeft,
        share,
      };
    }
    const runs = { which: null, compiles: false, secondsLeft, share };
    if (!running) return { ...runs, phase: 'sweep', count: [at(done), total] };
    const { warmup, runs: timed } = running.settings;
    // Rounds of every model that runs come first as warm-up, then timed.
    const warm = Math.round((total * warmup) / (warmup + timed));
    return done < warm
      ? { ...runs, phase: 'warmup', count: [at(done), warm] }
      : { ...runs, phase: 'timed', count: [at(done) - warm, total - warm] };
  },
);
