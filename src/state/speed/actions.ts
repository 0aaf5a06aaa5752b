// Speed of original and plan: measured by button or, once a plan has settled, by itself; batch
// sweeps. Must never show a number of another plan as this one's.

import type { VariantMeasure } from '../../contract/speed.ts';
import { isCancelled } from '../../errors.ts';
import { formatBySpread, formatGainSpread } from '../../spread.ts';
import { announced, SPEED_EVENTS, stoppedFor } from '../../words/speedSummary.ts';
import { activeQuantisation } from '../effect/steps.ts';
import type { GoalActions } from '../goal/actions.ts';
import { engineJob } from '../jobs.ts';
import { JOBS, type StudioState } from '../state.ts';
import type { WidthActions } from '../width/actions.ts';
import { autoGivesWay, autoKey } from './auto.ts';
import type { SpeedContext } from './job.ts';
import { meterUse } from './metering.ts';
import { measureObstacle } from './selectors.ts';
import { formByItself, newestOfPlan, PROTOCOLS, quickKey, type SpeedMode } from './settings.ts';
import { makeSettledTimer } from './settled.ts';
import type { Measured } from './state.ts';
import { makeSweepJob } from './sweepJob.ts';

export interface SpeedActions {
  /** Measures original and plan; without removals the original alone. */
  measureSpeed(mode: SpeedMode): Promise<void>;
  /**
   * True: settled plans are measured by themselves, however long it takes; null: those that take
   * long are asked about; false: none.
   */
  setAutoMeasure(auto: boolean | null): void;
  /** Latency and throughput of original and plan at growing batch sizes. */
  sweepBatches(): Promise<void>;
  /**
   * Ends the speed job that runs, a goal search too; auto-measure then waits for the next plan.
   */
  stopMeasuring(): void;
}

export function makeSpeedActions(
  context: SpeedContext,
  others: Pick<GoalActions, 'stopGoalSearch'> & Pick<WidthActions, 'stopWidth'>,
): SpeedActions {
  const { meter, get, patch, store, speedJob } = context;
  const sweepJob = makeSweepJob(context);
  const settled = makeSettledTimer(context, () => void measure('quick', true));

  async function measure(mode: SpeedMode, auto: boolean): Promise<void> {
    const { removed: units, healing } = get().plan.present;
    const removed = [...units];
    // By itself, a plan is measured once: with its healing it has as many weights.
    const own = auto ? formByItself(get(), removed).healing : healing;
    const model = get().model.current;
    context.clear('speed');
    if (!auto) context.announce(SPEED_EVENTS.started);
    try {
      const { dtype } = get().export;
      context.announce(inWords(await speedJob.measure(removed, PROTOCOLS[mode], auto, dtype, own)));
    } catch (error) {
      if (get().model.current !== model || isCancelled(error)) return;
      settled.abandon(quickKey(get(), removed));
      context.fail('speed', error);
    }
  }

  function stop(): void {
    const use = meterUse(get());
    if (use === 'auto' || use === 'measure') speedJob.cancel();
    else if (use === 'sweep') sweepJob.cancel();
    else if (use === 'width') others.stopWidth();
  }

  /**
   * An automatic measurement gives way to everything; one that was asked for, to jobs of the
   * engine. A goal search ends by itself.
   */
  function giveWay(state: StudioState): void {
    const use = meterUse(state);
    if (use === null || use === 'goal') return;
    const job = engineJob(state);
    if (use === 'auto') {
      if (autoGivesWay(state)) stop();
    } else if (job) {
      stop();
      context.toast(stoppedFor(JOBS[job].name));
    }
  }

  /** Another plan may be measured by itself again, and shows the numbers that are known of it. */
  function follow(state: StudioState, before: StudioState): void {
    if (state.model.current !== before.model.current) {
      settled.abandon(null);
      // The job of a model that is closed; its slice is already new.
      if (meterUse(before) && !before.goal.running) meter.cancel();
    }
    const { removed, healing } = state.plan.present;
    const { present: old } = before.plan;
    const isOtherPlan =
      removed !== old.removed ||
      healing !== old.healing ||
      state.export.dtype !== before.export.dtype ||
      activeQuantisation(state)?.key !== activeQuantisation(before)?.key;
    if (isOtherPlan) {
      if (settled.abandoned() !== quickKey(state, removed)) settled.abandon(null);
      if (!meterUse(state)) context.clear('speed');
    }
    if (isOtherPlan || state.score.settings.device !== before.score.settings.device) {
      const known = newestOfPlan(state);
      if (known && known !== state.speed.shown) patch('speed', { shown: known });
    }
  }

  const unsubscribe = store.subscribe((state, before) => {
    follow(state, before);
    giveWay(get());
    settled.schedule(autoKey(get()));
  });
  context.onDispose(() => {
    settled.stop();
    unsubscribe();
    stop();
  });

  return {
    measureSpeed: async (mode) => {
      if (measureObstacle(get()) === null) await measure(mode, false);
    },
    setAutoMeasure(auto) {
      settled.abandon(null);
      patch('speed', { auto });
    },
    async sweepBatches() {
      if (!get().model.current || measureObstacle(get()) !== null) return;
      speedJob.cancel();
      await sweepJob.sweep();
    },
    stopMeasuring() {
      others.stopGoalSearch();
      const { running } = get().speed;
      if (running) settled.abandon(quickKey(get(), running.removed));
      stop();
    },
  };
}

function inWords({ result: { original, pruned, errors, gain } }: Measured): string {
  const rate = (measure: VariantMeasure | null) =>
    measure &&
    formatBySpread(measure.speed.throughput.mean, [
      measure.speed.throughput.min,
      measure.speed.throughput.max,
    ]);
  return announced(
    gain && formatGainSpread(gain.ratio, gain.ci95),
    rate(original),
    rate(pruned),
    [errors.original, errors.pruned].flatMap((error) => (error ? [error.message] : [])),
  );
}
