// Scoring attention and feed-forward of each block by themselves, on the windows of the curve. A
// failed or cancelled run keeps the scores that were there.

import type { ScoreSettings, SublayersEvent } from '../../contract/score.ts';
import { batched } from '../batch.ts';
import type { Context } from '../context.ts';
import { engineJob } from '../jobs.ts';
import { curveSettings } from '../keys.ts';
import { nameUnit } from '../plan/unitWords.ts';
import type { GrowingSublayers, StudioState } from '../state.ts';

export interface SublayerActions {
  /** With the settings of the curve in force, unless others are given. */
  scoreSublayers(settings?: ScoreSettings): Promise<void>;
  /** What the chart shows and "drop the lowest" takes. */
  setSublayersView(view: StudioState['parts']['view']): void;
}

function withEvent(
  parts: GrowingSublayers,
  event: Exclude<SublayersEvent, { type: 'progress' }>,
): GrowingSublayers {
  if (event.type === 'note') return { ...parts, notes: [...parts.notes, event.text] };
  if (event.type === 'baseline') return { ...parts, baseline: event.baseline };
  return { ...parts, parts: [...parts.parts, event.part] };
}

export function makeSublayerActions(context: Context, onEnd: () => void): SublayerActions {
  const { api, get, patch } = context;

  return {
    setSublayersView: (view) => patch('parts', { view }),
    async scoreSublayers(settings = curveSettings(get())) {
      const { current } = get().model;
      if (!current || engineJob(get())) return;
      context.clear('parts');
      patch('parts', {
        running: { baseline: null, parts: [], notes: [] },
        progress: null,
        view: 'parts',
      });
      context.announce('Scoring of parts has started.');
      const events = batched<SublayersEvent>((batch) => {
        let { running, progress } = get().parts;
        if (!running || get().model.current !== current) return;
        for (const event of batch) {
          if (event.type === 'progress') progress = event.progress;
          else running = withEvent(running, event);
        }
        patch('parts', { running, progress });
      });
      try {
        const result = await api.scoreSublayers(settings, events.onEvent);
        if (get().model.current !== current) return;
        patch('parts', { result });
        const [least] = result.order;
        const lowest = least ? ` Least matters ${nameUnit(least)}.` : '';
        context.announce(
          `Scored ${result.parts.length} parts in ${result.seconds.toFixed(1)} seconds.${lowest}`,
        );
      } catch (error) {
        if (get().model.current === current) context.fail('parts', error);
        context.announce('Scoring of parts has stopped.');
      } finally {
        events.stop();
        if (get().model.current === current) patch('parts', { running: null, progress: null });
      }
      onEnd();
    },
  };
}
