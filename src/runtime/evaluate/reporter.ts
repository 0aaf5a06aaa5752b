// Throttles what an evaluation reports: progress, and the numbers over the segments so far.

import type { EvaluateEvent, EvaluateResult } from '../../contract/evaluate.ts';

/** Partial results and progress are reported at most this often, ms. */
export const PARTIAL_MS = 500;
const PROGRESS_MS = 100;

/** Progress and partial results, no more often than a person can read them. */
export class ThrottledReporter {
  private readonly total: number;
  private readonly result: (final: boolean) => EvaluateResult;
  private readonly onEvent: (event: EvaluateEvent) => void;
  private readonly started = performance.now();
  private progressAt = 0;
  private partialAt = 0;
  private shown = 0;

  constructor(
    total: number,
    result: (final: boolean) => EvaluateResult,
    onEvent: (event: EvaluateEvent) => void,
  ) {
    this.total = total;
    this.result = result;
    this.onEvent = onEvent;
  }

  /** @param done segments, those under way with their share */
  progress(done: number): void {
    const now = performance.now();
    if (now - this.progressAt < PROGRESS_MS && done < this.total) return;
    this.progressAt = now;
    const secondsLeft =
      done > 0 ? ((now - this.started) / 1000) * ((this.total - done) / done) : null;
    const progress = {
      job: 'evaluate',
      phase: 'score',
      done: Math.floor(done),
      total: this.total,
      unit: 'segments',
      secondsLeft,
    } as const;
    this.onEvent({ type: 'progress', progress });
  }

  partial(segments: number): void {
    const now = performance.now();
    if (now - this.partialAt < PARTIAL_MS) return;
    this.partialAt = now;
    this.last(segments);
  }

  /** What is known when the evaluation ends early, unless it was reported. */
  last(segments: number): void {
    if (segments <= this.shown) return;
    this.shown = segments;
    this.onEvent({ type: 'partial', result: this.result(false) });
  }
}
