// Speed of original and plan: measured by button or, once a plan has settled, by itself; batch
// sweeps. Must never show a number of another plan as this one's.

import { isCancelled } from '../../errors.ts';
import { dtypeSteps } from '../../model/export/steps.ts';
import type { Context } from '../context.ts';
import { engineJob, JOB_NAMES, JOB_WORDS } from '../jobs.ts';
import { effectKey } from '../keys.ts';
import type { Measured, StudioState } from '../state.ts';
import type { SpeedJob } from './job.ts';
import { isMetering, meterUse } from './metering.ts';
import {
  isOf,
  meterRequest,
  newestOf,
  PROTOCOLS,
  quickKey,
  type SpeedMode,
  SWEEP_BATCHES,
  speedKey,
} from './settings.ts';

export interface SpeedActions {
  /** Measures original and plan; without removals the original alone. */
  measureSpeed(mode: SpeedMode): Promise<void>;
  setAutoMeasure(on: boolean): void;
  /** Latency and throughput of original and plan at growing batch sizes. */
  sweepBatches(): Promise<void>;
  /** Ends the speed job that runs; auto-measure then waits for the next plan. */
  stopMeasuring(): void;
}

export interface SpeedParts extends SpeedActions {
  dispose(): void;
}

/** How long a plan stays still before it is measured by itself. */
const SETTLE_MS = 1000;

/** Why nothing can be measured now, or ''. */
export function whyNoMeasuring(state: StudioState): string {
  if (!state.model.current) return 'No model is open.';
  const job = engineJob(state);
  if (job) return JOB_WORDS[job];
  if (state.model.opening !== null) return 'A folder is being read.';
  if (state.generate.running) return 'Text is being generated.';
  return isMetering(state) ? 'A measurement is running.' : '';
}

/**
 * Above this many bytes a measurement loads so much that it is asked for, unless it was switched
 * on.
 */
const AUTO_BYTES = 1e9;

/** True when settled plans are measured by themselves. */
export function autoMeasures({ speed, model }: StudioState): boolean {
  return speed.auto ?? (model.current?.summary.bytes ?? 0) <= AUTO_BYTES;
}

/** Key of the measurement that a settled plan should get by itself, or null. */
function autoKey(state: StudioState): string | null {
  const { removed } = state.plan.present;
  if (
    !autoMeasures(state) ||
    removed.length === 0 ||
    meterUse(state) !== null ||
    whyNoMeasuring(state)
  )
    return null;
  const effect = effectKey(state);
  const hasPpl = effect !== null && state.effect.known.has(effect);
  if (state.model.current?.summary.canScore && !hasPpl) return null;
  return newestOf(state, removed) ? null : quickKey(state, removed);
}

export function makeSpeedActions(context: Context, job: SpeedJob): SpeedParts {
  const { meter, get, patch, store } = context;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** What the timer waits for. */
  let waiting: string | null = null;
  /** Failed or was stopped: not tried again by itself until another plan comes. */
  let given: string | null = null;
  let sweeps = 0;

  async function measure(mode: SpeedMode, auto: boolean): Promise<void> {
    const removed = [...get().plan.present.removed];
    const model = get().model.current;
    context.clear('speed');
    if (!auto) context.announce('Measuring speed.');
    try {
      const { dtype } = get().export;
      context.announce(inWords(await job.measure(removed, PROTOCOLS[mode], auto, dtype)));
    } catch (error) {
      if (get().model.current !== model || isCancelled(error)) return;
      given = quickKey(get(), removed);
      context.fail('speed', error);
    }
  }

  function schedule(key: string | null): void {
    if (key === waiting) return;
    clearTimeout(timer);
    waiting = key;
    if (key === null || key === given) return;
    timer = setTimeout(() => {
      waiting = null;
      if (key !== given && autoKey(get()) === key) void measure('quick', true);
    }, context.settleMs ?? SETTLE_MS);
  }

  function stop(): void {
    const use = meterUse(get());
    if (use === 'auto' || use === 'measure') job.cancel();
    else if (use === 'sweep') {
      sweeps++;
      patch('speed', { sweep: { ...get().speed.sweep, running: null }, progress: null, notes: [] });
      meter.cancel();
    }
  }

  /**
   * An automatic measurement gives way to everything; one that was asked for, to scoring and
   * exports.
   */
  function giveWay(state: StudioState): void {
    const use = meterUse(state);
    if (use === null) return;
    const job = engineJob(state);
    if (use === 'auto') {
      const { running } = state.speed;
      if (
        job ||
        state.generate.running ||
        !autoMeasures(state) ||
        state.model.opening !== null ||
        !running ||
        !isOf(running, state.plan.present.removed, state.export.dtype)
      )
        stop();
    } else if (job && use !== 'budget') {
      stop();
      context.toast(`Measuring was stopped: ${JOB_NAMES[job]} needs the device.`);
    }
  }

  const unsubscribe = store.subscribe((state, before) => {
    if (state.model.current !== before.model.current) {
      given = null;
      // The job of a model that is gone; its slice is already new.
      if (meterUse(before) && !before.budget.running) meter.cancel();
    }
    const changed =
      state.plan.present.removed !== before.plan.present.removed ||
      state.export.dtype !== before.export.dtype;
    if (changed) {
      if (given !== quickKey(state, state.plan.present.removed)) given = null;
      if (!meterUse(state)) context.clear('speed');
    }
    if (changed || state.score.settings.device !== before.score.settings.device) {
      const known = newestOf(state, state.plan.present.removed);
      if (known && known !== state.speed.shown) patch('speed', { shown: known });
    }
    giveWay(get());
    schedule(autoKey(get()));
  });

  return {
    measureSpeed: async (mode) => {
      if (!whyNoMeasuring(get())) await measure(mode, false);
    },
    setAutoMeasure(on) {
      given = null;
      patch('speed', { auto: on });
    },
    async sweepBatches() {
      const { current } = get().model;
      if (!current || whyNoMeasuring(get())) return;
      job.cancel();
      const mine = ++sweeps;
      const removed = [...get().plan.present.removed];
      const { device } = get().score.settings;
      const { dtype } = get().export;
      const settings = PROTOCOLS.quick;
      context.clear('speed');
      patch('speed', {
        sweep: { ...get().speed.sweep, running: { removed } },
        progress: null,
        notes: [],
      });
      context.announce('The batch sweep has started.');
      try {
        const request = {
          ...meterRequest(current, removed, device, settings.promptTokens + settings.tokens),
          steps: dtypeSteps(dtype),
          settings,
        };
        const result = await meter.sweep(request, SWEEP_BATCHES, (event) => {
          if (mine !== sweeps) return;
          if (event.type === 'progress') patch('speed', { progress: event.progress });
          else if (event.type === 'note')
            patch('speed', { notes: [...get().speed.notes, event.text] });
        });
        if (mine !== sweeps || get().model.current !== current) return;
        const notes = [...new Set([...result.notes, ...get().speed.notes])];
        const key = speedKey(removed, settings, device, dtype);
        patch('speed', {
          sweep: { running: null, shown: { key, removed, result: { ...result, notes } } },
        });
        context.announce('The batch sweep is done.');
      } catch (error) {
        if (mine === sweeps && get().model.current === current) context.fail('speed', error);
      } finally {
        if (mine === sweeps && get().model.current === current)
          patch('speed', {
            sweep: { ...get().speed.sweep, running: null },
            progress: null,
            notes: [],
          });
      }
    },
    stopMeasuring() {
      const { running } = get().speed;
      if (running) given = quickKey(get(), running.removed);
      stop();
    },
    dispose() {
      clearTimeout(timer);
      unsubscribe();
      stop();
    },
  };
}

const perSecond = (value: number) => value.toPrecision(3);

function inWords({ result: { original, pruned, errors } }: Measured): string {
  const words = [];
  if (original)
    words.push(`original ${perSecond(original.speed.throughput.mean)} tokens per second`);
  if (pruned) words.push(`pruned ${perSecond(pruned.speed.throughput.mean)} tokens per second`);
  for (const error of [errors.original, errors.pruned]) if (error) words.push(error.message);
  return `Measured: ${words.join(', ')}.`;
}
