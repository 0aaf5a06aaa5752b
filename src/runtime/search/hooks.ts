// What a running search reports, and its form as events.

import type { UsedDevice } from '../../contract/device.ts';
import type { Measure } from '../../contract/score.ts';
import type { SearchEvent, SearchStep } from '../../contract/search.ts';

export interface SearchHooks {
  onStarted(baseline: Measure, resumedSteps: number): void;
  onCandidate(step: number, block: number, nll: number): void;
  onStep(step: SearchStep): void;
  onProgress(done: number, total: number, secondsLeft: number | null): void;
}

/** Hooks that report a search as events. */
export function searchHooks(
  device: UsedDevice,
  onEvent: (event: SearchEvent) => void,
): SearchHooks {
  return {
    onStarted: (baseline, resumedSteps) =>
      onEvent({ type: 'started', device, baseline, resumedSteps }),
    onCandidate: (step, block, nll) => onEvent({ type: 'candidate', step, block, nll }),
    onStep: (step) => onEvent({ type: 'step', step }),
    onProgress: (done, total, secondsLeft) =>
      onEvent({
        type: 'progress',
        progress: { job: 'search', phase: 'score', done, total, unit: 'blocks', secondsLeft },
      }),
  };
}
