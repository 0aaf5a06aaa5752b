// The calibration study: the curve scored anew on other windows, run by run. Every run is kept; the
// windows and the curve in force stay what they were.

import type { Progress } from '../../contract/progress.ts';
import type { ScoreEvent } from '../../contract/score.ts';
import { isCancelled } from '../../errors.ts';
import { batched } from '../batch.ts';
import type { Context } from '../context.ts';
import type { StudyForm } from '../criteria/state.ts';
import { engineJob } from '../jobs.ts';
import { missingRuns, type PlannedRun, whyNoStudy } from './selectors.ts';

export interface StabilityActions {
  setStudy(fields: { [F in keyof StudyForm]?: StudyForm[F] }): void;
  /** Number of blocks that count as the lowest; null = as many as the plan removes. */
  setStudyCount(k: number | null): void;
  /** Does the runs of the form that are not done yet. */
  studyStability(): Promise<void>;
  forgetStudy(): void;
}

/**
 * Seconds left of the whole study: of this run by its own word, of the others by what went before.
 */
function leftOf(
  runs: readonly PlannedRun[],
  at: number,
  progress: Progress,
  elapsed: number,
): number | null {
  const work = runs.map(({ settings }) => settings.samples);
  const sum = (list: readonly number[]) => list.reduce((a, b) => a + b, 0);
  const share = progress.phase === 'score' ? progress.done / Math.max(1, progress.total) : 0;
  const done = sum(work.slice(0, at)) + work[at]! * share;
  return done > 0 ? (elapsed / done) * (sum(work) - done) : null;
}

export function makeStabilityActions(context: Context, onEnd: () => void): StabilityActions {
  const { api, get, patch, store } = context;
  // Renamed: a name that starts with `use` reads as a React hook.
  const { useWindows: giveWindows } = api;

  /**
   * Until no model is being opened: windows that are given meanwhile might reach the engine when it
   * has the next one.
   */
  async function opened(): Promise<void> {
    if (get().model.opening === null) return;
    await new Promise<void>((resolve) => {
      const stop = store.subscribe(({ model }) => {
        if (model.opening !== null) return;
        stop();
        resolve();
      });
    });
  }

  /**
   * The engine measures plans on the windows of the last scoring: those of the curve in force are
   * given back.
   */
  async function putBack(isCurrent: () => boolean): Promise<void> {
    await opened();
    const { curve } = get().score;
    if (curve && isCurrent()) await giveWindows(curve.result.windows, curve.result.device.kind);
  }

  return {
    setStudy: (fields) => patch('stability', { form: { ...get().stability.form, ...fields } }),
    setStudyCount: (k) => patch('stability', { k }),
    forgetStudy: () => patch('stability', { runs: [] }),
    async studyStability() {
      const { current } = get().model;
      if (whyNoStudy(get()) !== '' || engineJob(get())) return;
      const runs = missingRuns(get());
      const isCurrent = () => get().model.current === current;
      const started = performance.now();
      context.clear('stability');
      context.announce(`The calibration study has started: ${runs.length} runs.`);
      try {
        for (const [at, { key, label, settings }] of runs.entries()) {
          patch('stability', { running: { at, of: runs.length, label }, progress: null });
          const events = batched<ScoreEvent>((batch) => {
            const last = batch.findLast((event) => event.type === 'progress');
            if (!last || !isCurrent() || !get().stability.running) return;
            const elapsed = (performance.now() - started) / 1000;
            patch('stability', {
              progress: { ...last.progress, secondsLeft: leftOf(runs, at, last.progress, elapsed) },
            });
          });
          try {
            const {
              blocks,
              order,
              settings: used,
              seconds,
            } = await api.score(settings, events.onEvent);
            if (!isCurrent()) return;
            patch('stability', {
              runs: [
                ...get().stability.runs,
                { key, label, result: { blocks, order, settings: used, seconds } },
              ],
            });
          } finally {
            events.stop();
          }
        }
        context.announce('The calibration study is done.');
      } catch (error) {
        if (!isCurrent()) return;
        context.fail('stability', error);
        if (isCancelled(error))
          context.announce('The calibration study was stopped. Its runs stay.');
      } finally {
        if (isCurrent()) {
          await putBack(isCurrent).catch((error: unknown) => context.fail('plan', error));
          if (isCurrent()) {
            patch('stability', { running: null, progress: null });
            onEnd();
          }
        }
      }
    },
  };
}
