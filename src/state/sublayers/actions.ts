// Scoring attention and feed-forward of each block by themselves, on the windows of the curve. A
// failed or cancelled run keeps the scores that were there.

import type { ScoreSettings, SublayersEvent, SublayersResult } from '../../contract/score.ts';
import type { Context } from '../context.ts';
import { curveSettings } from '../keys.ts';
import { nameUnit } from '../plan/unitWords.ts';
import { runJob } from '../runJob.ts';
import type { GrowingSublayers, SublayersSlice } from './state.ts';

export interface SublayerActions {
  /** With the settings of the current curve, unless others are given. */
  scoreSublayers(settings?: ScoreSettings): Promise<void>;
  /** What the chart shows and "remove the lowest" takes. */
  setSublayersView(view: SublayersSlice['view']): void;
}

type Event = Exclude<SublayersEvent, { type: 'progress' }>;

function withEvent(growing: GrowingSublayers, event: Event): GrowingSublayers {
  if (event.type === 'note') return { ...growing, notes: [...growing.notes, event.text] };
  if (event.type === 'baseline') return { ...growing, baseline: event.baseline };
  return { ...growing, parts: [...growing.parts, event.part] };
}

export function makeSublayerActions(context: Context): SublayerActions {
  const { api, get, patch } = context;

  return {
    setSublayersView: (view) => patch('sublayers', { view }),
    scoreSublayers: (settings = curveSettings(get())) =>
      runJob<Event, SublayersResult>(context, 'sublayers', {
        started: 'Scoring of sublayers has started.',
        start: () =>
          patch('sublayers', {
            running: { baseline: null, parts: [], notes: [] },
            progress: null,
            view: 'sublayers',
          }),
        call: ({ onEvent }) => api.scoreSublayers(settings, onEvent),
        follow(events, progress) {
          const { running } = get().sublayers;
          if (running)
            patch('sublayers', { running: events.reduce(withEvent, running), ...progress });
        },
        take(result) {
          patch('sublayers', { result });
          const [least] = result.order;
          return (
            `Scored ${result.parts.length} sublayers in ${result.seconds.toFixed(1)} seconds.` +
            (least ? ` Removing ${nameUnit(least)} costs least.` : '')
          );
        },
        stop: () => 'Scoring of sublayers was cancelled.',
        end: () => patch('sublayers', { running: null, progress: null }),
      }),
  };
}
