// The calibration study: the blocks scored anew on other windows, run by run. Every run is kept;
// windows and current curve stay what they were.

import { hasFiniteScores } from '../../analysis/criteriaTable.ts';
import { hasNumbers } from '../../analysis/perplexity.ts';
import { inBrowser } from '../../contract/device.ts';
import type { Progress } from '../../contract/progress.ts';
import type { ScoreEvent } from '../../contract/score.ts';
import { EspalierError } from '../../errors.ts';
import { blockOf, sublayerUnits, type Unit, wholeBlocks } from '../../units.ts';
import { noNumbersOn } from '../../words/compare.ts';
import type { Context } from '../context.ts';
import { oneShot } from '../criteria/orders.ts';
import type { PlanActions } from '../plan/actions.ts';
import { type Run, runJob } from '../runJob.ts';
import { doneRuns, missingRuns, type PlannedRun, studyObstacle } from './selectors.ts';
import type { StudyCriterion, StudyForm } from './state.ts';

export interface StabilityActions {
  setStudyCriterion(criterion: StudyCriterion): void;
  setStudy(fields: { [F in keyof StudyForm]?: StudyForm[F] }): void;
  /** Number of blocks that count as the lowest; null = as many as the plan removes. */
  setStudyCount(k: number | null): void;
  /** Does the runs of the form that are not done yet. */
  studyStability(): Promise<void>;
  /** Drops the runs of the criterion that is studied. */
  forgetStudy(): void;
  /** Makes the study's order the current one; the plan becomes its lowest, as many as before. */
  takeStudyOrder(): void;
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

type Event = ScoreEvent;

const unranked = (label: string, warnings: readonly string[] = []) =>
  new EspalierError('bad-input', noNumbersOn(label), warnings.join(' '));

/** The sublayers that a plan removes of other blocks than these. */
const sublayersBeside = (removed: readonly Unit[], blocks: readonly number[]) =>
  sublayerUnits(removed).filter((unit) => !blocks.includes(blockOf(unit)));

export function makeStabilityActions(
  context: Context,
  others: Pick<PlanActions, 'setRemoved'>,
): StabilityActions {
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
   * The engine measures plans on the windows of the last scoring: those of the current curve are
   * given back.
   */
  async function putBack({ isCurrent }: Pick<Run<never>, 'isCurrent'>): Promise<void> {
    await opened();
    const { curve } = get().score;
    if (!curve || !isCurrent()) return;
    await giveWindows(curve.result.windows, inBrowser(curve.result.device.kind)).catch(
      (error: unknown) => context.fail('plan', error),
    );
  }

  async function scoreRun({ key, label, settings }: PlannedRun, run: Run<Event>): Promise<void> {
    const scored = await api.score(settings, run.onEvent);
    run.flush();
    if (!run.isCurrent()) return;
    // NaN is not a rank: the run is not kept.
    if (!hasNumbers(scored.baseline)) throw unranked(label, scored.warnings);
    const { blocks, order, settings: used, seconds } = scored;
    const done = { key, label, result: { blocks, order, settings: used, seconds } };
    patch('stability', { runs: [...get().stability.runs, done] });
  }

  async function taylorRun({ key, label, settings }: PlannedRun, run: Run<Event>): Promise<void> {
    const onProgress = (progress: Progress) => run.onEvent({ type: 'progress', progress });
    const measured = await api.measureSource('taylor', settings, onProgress);
    run.flush();
    if (!run.isCurrent()) return;
    const { data, settings: used, seconds, warnings } = measured;
    if (!hasFiniteScores(data) || !used) throw unranked(label, warnings);
    const done = { key, label, result: { data, settings: used, seconds } };
    patch('stability', { taylorRuns: [...get().stability.taylorRuns, done] });
  }

  return {
    setStudyCriterion: (criterion) => patch('stability', { criterion }),
    setStudy: (fields) => patch('stability', { form: { ...get().stability.form, ...fields } }),
    setStudyCount: (k) => patch('stability', { k }),
    forgetStudy: () =>
      patch(
        'stability',
        get().stability.criterion === 'taylor' ? { taylorRuns: [] } : { runs: [] },
      ),
    takeStudyOrder() {
      if (doneRuns(get()).length === 0) return;
      patch('criteria', { orderBy: 'study' });
      const { removed } = get().plan.present;
      const lowest = oneShot(get(), wholeBlocks(removed).length);
      if (lowest.length > 0) others.setRemoved([...lowest, ...sublayersBeside(removed, lowest)]);
      context.announce('The order of the study is the current one.');
    },
    async studyStability() {
      if (studyObstacle(get()) !== null) return;
      const runs = missingRuns(get());
      const measure = get().stability.criterion === 'taylor' ? taylorRun : scoreRun;
      const started = performance.now();
      let at = 0;
      const begin = () => {
        const running = { at, of: runs.length, label: runs[at]!.label };
        patch('stability', { running, progress: null });
      };
      await runJob<Event, void>(context, 'stability', {
        started: `The calibration study has started: ${runs.length} runs.`,
        start: begin,
        async call(run) {
          for (; at < runs.length; at++) {
            begin();
            await measure(runs[at]!, run);
            if (!run.isCurrent()) return;
          }
        },
        follow(_, { progress }) {
          if (!progress) return;
          const elapsed = (performance.now() - started) / 1000;
          const secondsLeft = leftOf(runs, at, progress, elapsed);
          patch('stability', { progress: { ...progress, secondsLeft } });
        },
        take: () => 'The calibration study is done.',
        stop: () => 'The calibration study was cancelled. Its finished runs are kept.',
        settle: putBack,
        end: () => patch('stability', { running: null, progress: null }),
      });
    },
  };
}
