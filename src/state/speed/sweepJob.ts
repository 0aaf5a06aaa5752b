// One batch sweep from request to result, as the page follows it.

import { SPEED_EVENTS } from '../../words/speedSummary.ts';
import type { Context } from '../context.ts';
import { stepsOf } from '../heal/steps.ts';
import { measureObstacle } from './selectors.ts';
import { formOf, meterRequest, PROTOCOLS, SWEEP_BATCHES, speedKey } from './settings.ts';
import type { Swept } from './state.ts';

export interface SweepJob {
  sweep(): Promise<void>;
  cancel(): void;
}

export function makeSweepJob(context: Context): SweepJob {
  const { meter, get, patch } = context;
  const requests = context.newest();

  const idle = (shown: Swept | null) =>
    patch('speed', { sweep: { running: null, shown }, progress: null, notes: [] });

  return {
    async sweep() {
      const { current } = get().model;
      if (!current || measureObstacle(get()) !== null) return;
      const isNewest = requests.begin();
      const { removed: units, healing } = get().plan.present;
      const removed = [...units];
      const { device } = get().score.settings;
      const { dtype } = get().export;
      const settings = PROTOCOLS.quick;
      context.clear('speed');
      patch('speed', {
        sweep: { ...get().speed.sweep, running: { removed } },
        progress: null,
        notes: [],
      });
      context.announce(SPEED_EVENTS.sweepStarted);
      try {
        const request = {
          ...meterRequest(current, removed, device, settings.promptTokens + settings.tokens),
          steps: await stepsOf(context, { removed, healing, dtype, alike: true }),
          settings,
        };
        const result = await meter.sweep(request, SWEEP_BATCHES, (event) => {
          if (!isNewest()) return;
          if (event.type === 'progress') patch('speed', { progress: event.progress });
          else if (event.type === 'note')
            patch('speed', { notes: [...get().speed.notes, event.text] });
        });
        if (!isNewest()) return;
        const notes = [...new Set([...result.notes, ...get().speed.notes])];
        const key = speedKey(removed, settings, device, formOf(get(), { removed, healing }, dtype));
        idle({ key, removed, healing, result: { ...result, notes } });
        context.announce(SPEED_EVENTS.sweepDone);
      } catch (error) {
        if (!isNewest()) return;
        context.fail('speed', error);
        idle(get().speed.sweep.shown);
      }
    },
    cancel() {
      requests.drop();
      idle(get().speed.sweep.shown);
      meter.cancel();
    },
  };
}
