// One speed measurement from request to result, as the page follows it; used by buttons, by
// auto-measure and by the goal search.

import type { SpeedSettings } from '../../contract/speed.ts';
import { cancelled, EspalierError } from '../../errors.ts';
import type { ExportDtype } from '../../model/export/steps.ts';
import { blocksLeft, type Unit } from '../../units.ts';
import { SPEED_EVENTS } from '../../words/speedSummary.ts';
import type { Context } from '../context.ts';
import { untilEffectMeasured } from '../effect/waiting.ts';
import { stepsOf } from '../heal/steps.ts';
import { followMeasuring, rememberPace } from './follow.ts';
import { paceOfMeasure } from './pace.ts';
import { pooled } from './pooled.ts';
import { isPredictable, predict } from './prediction.ts';
import { formOf, isOf, meterRequest, speedKey } from './settings.ts';
import type { Measured, Measuring } from './state.ts';
import { timeOf } from './time.ts';

export interface SpeedJob {
  /**
   * Measures original and plan; the result is known and shown afterwards, pooled with earlier
   * measurements of the same key. @throws whatever the meter throws, `cancelled` too
   */
  measure(
    removed: readonly Unit[],
    settings: SpeedSettings,
    auto: boolean,
    dtype?: ExportDtype | null,
    healing?: string,
  ): Promise<Measured>;
  /** Takes a measurement in the place of the one of the same key. */
  keep(measured: Measured): void;
  /** Ends it; its promise rejects with `cancelled`. */
  cancel(): void;
}

/** What actions that measure get besides. */
export interface SpeedContext extends Context {
  speedJob: SpeedJob;
}

export function makeSpeedJob(context: Context): SpeedJob {
  const { meter, get, patch, store } = context;
  const requests = context.newest();

  return {
    async measure(removed, settings, auto, dtype = null, healing) {
      const { current } = get().model;
      if (!current) throw new EspalierError('bug', 'There is no model to measure.');
      const isNewest = requests.begin();
      const { device } = get().score.settings;
      const form = formOf(get(), { removed, healing }, dtype);
      const key = speedKey(removed, settings, device, form);
      const written = {
        ...(dtype !== null && { dtype }),
        ...(healing !== undefined && { healing }),
        ...(form.quantised !== undefined && { quantised: form.quantised }),
      };
      const running: Measuring = {
        key,
        removed,
        ...written,
        settings,
        auto,
        loaded: {},
        samples: { original: [], pruned: [] },
      };
      patch('speed', { running, progress: null, notes: [] });
      try {
        await untilEffectMeasured(store, isNewest);
        const { promptTokens, tokens, batch } = settings;
        const request = {
          ...meterRequest(current, removed, device, promptTokens + tokens, batch),
          steps: await stepsOf(context, { removed, healing, dtype, alike: true }),
          settings,
        };
        const plan = get().plan.present;
        const needed = timeOf(current, removed, settings, get().speed.paces.get(device));
        const follow = followMeasuring(context, current, device, needed);
        const answer = await meter.measure(request, (event) => {
          if (isNewest()) follow(event);
        });
        if (!isNewest()) throw cancelled();
        const disturbed = !auto && get().plan.present !== plan && get().score.curve !== null;
        const notes = [
          ...new Set([
            ...answer.notes,
            ...get().speed.notes,
            ...(disturbed ? [SPEED_EVENTS.disturbed] : []),
          ]),
        ];
        if (answer.original && settings.batch === 1)
          rememberPace(context, device, paceOfMeasure(current, answer.original));
        const measured: Measured = {
          key,
          removed: [...removed],
          ...written,
          ...pooled(get().speed.known.get(key), { ...answer, notes }),
          predicted: null,
        };
        const others = [...get().speed.known.values()].filter(
          (one) => one.removed.join() !== removed.join() && one.healing === undefined,
        );
        const blocks = blocksLeft(current.summary.numBlocks, removed);
        measured.predicted =
          removed.length && dtype === null && !healing && isPredictable(removed)
            ? (predict(others, measured, blocks)?.tokensPerSecond ?? null)
            : null;
        remember(measured);
        return measured;
      } finally {
        if (isNewest()) patch('speed', { running: null, progress: null, notes: [] });
      }
    },
    keep: remember,
    cancel() {
      if (!get().speed.running) return;
      requests.drop();
      patch('speed', { running: null, progress: null, notes: [] });
      meter.cancel();
    },
  };

  /**
   * The newest of a key comes last. Numbers of another plan never push away those of the present
   * one.
   */
  function remember(measured: Measured): void {
    const { plan, speed } = get();
    const known = new Map(speed.known);
    known.delete(measured.key);
    known.set(measured.key, measured);
    const { removed, healing } = plan.present;
    const isPresent = (one: Measured) =>
      isOf(
        one,
        removed,
        formOf(get(), { removed, healing: one.healing === healing ? healing : undefined }),
      );
    const isShown = isPresent(measured) || !speed.shown || !isPresent(speed.shown);
    patch('speed', { known, shown: isShown ? measured : speed.shown });
  }
}
