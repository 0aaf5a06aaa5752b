// The importance curve: settings, memory before it starts, a curve that grows, cancel. A failed or
// cancelled run keeps the old curve; without one, what it had measured stays to be looked at.

import type { ScoreEvent, ScoreResult, ScoreSettings } from '../../contract/score.ts';
import { EspalierError } from '../../errors.ts';
import { NO_NUMBERS } from '../../words/choose.ts';
import type { Context } from '../context.ts';
import type { DeviceActions } from '../device/actions.ts';
import { EFFECT } from '../effect/state.ts';
import { settingsKey } from '../keys.ts';
import { runJob } from '../runJob.ts';
import { ranked } from './ranked.ts';
import { noNumbers } from './selectors.ts';
import type { GrowingCurve } from './state.ts';
import { parseWindows } from './text.ts';

export interface ScoreActions {
  setSettings(fields: { [F in keyof ScoreSettings]?: ScoreSettings[F] }): void;
  /**
   * A dropped or pasted text; names that end in .json are windows of token ids. Shows an error
   * instead of throwing one. `quiet` leaves out the toast.
   */
  setText(name: string, text: string, quiet?: boolean): void;
  refreshMemory(): Promise<void>;
  score(): Promise<void>;
  /** The current curve from now on: measured just now, or restored from a file. */
  takeCurve(
    result: ScoreResult,
    settingsKey: string,
    restored: boolean,
    notes?: readonly string[],
  ): void;
  /** Stops whatever runs. */
  cancel(): Promise<void>;
}

const NO_CURVE_YET: Omit<GrowingCurve, 'settings'> = {
  device: null,
  windows: 0,
  baseline: null,
  blocks: [],
  notes: [],
};

type Event = Exclude<ScoreEvent, { type: 'progress' }>;

function withEvent(curve: GrowingCurve, event: Event): GrowingCurve {
  if (event.type === 'note') return { ...curve, notes: [...curve.notes, event.text] };
  if (event.type === 'started') {
    const { device, windows, resumed = 0 } = event;
    return { ...curve, device, windows, resumed: resumed > 0 };
  }
  if (event.type === 'baseline') return { ...curve, baseline: event.baseline };
  return { ...curve, blocks: [...curve.blocks, event.block] };
}

export function makeScoreActions(
  context: Context,
  others: Pick<DeviceActions, 'checkDevice'>,
): ScoreActions {
  const { api, get, patch } = context;
  const memoryRequests = context.newest();
  /** Of the last curve; no two curves have the same, in whatever tab they were measured. */
  let lastId = 0;

  const actions: ScoreActions = {
    setSettings(fields) {
      patch('score', { settings: { ...get().score.settings, ...fields }, memory: null });
      context.clear('score');
      void actions.refreshMemory();
    },
    setText(name, text, quiet = false) {
      context.clear('restore');
      try {
        if (!text.trim())
          throw new EspalierError(
            'bad-input',
            `${name} is empty.`,
            'Give a text of a few thousand words.',
          );
        actions.setSettings({
          text: name.endsWith('.json') ? parseWindows(name, text) : { kind: 'text', name, text },
        });
        if (!quiet) context.toast(`Scoring will use ${name}.`);
      } catch (error) {
        context.fail('score', error);
      }
    },
    async refreshMemory() {
      if (!get().model.current?.summary.canScore) return;
      const isNewest = memoryRequests.begin();
      try {
        const memory = await api.memory(get().score.settings);
        if (isNewest()) patch('score', { memory });
      } catch (error) {
        if (isNewest() && !get().score.running) context.fail('score', error);
      }
    },
    score() {
      const { settings } = get().score;
      return runJob<Event, ScoreResult>(context, 'score', {
        started: 'Scoring has started.',
        start() {
          patch('score', {
            running: { ...NO_CURVE_YET, settings },
            stopped: null,
            progress: null,
            cancelling: false,
          });
          // Whoever starts wants to see the curve grow.
          patch('view', { dialog: null });
        },
        call({ onEvent }) {
          // Scoring waits for the self-test by itself; this shows its report as soon as it comes.
          void others.checkDevice();
          return api.score(settings, onEvent);
        },
        follow(events, progress) {
          const { running } = get().score;
          if (running) patch('score', { running: events.reduce(withEvent, running), ...progress });
        },
        take(result) {
          actions.takeCurve(result, settingsKey(settings), false, get().score.running?.notes);
          const seconds = result.seconds.toFixed(1);
          if (noNumbers(get())) return NO_NUMBERS.scored(result.blocks.length, seconds);
          const [least] = result.order;
          return (
            `Scored ${result.blocks.length} blocks in ${seconds} seconds.` +
            (least === undefined ? '' : ` Removing block ${least} costs least.`)
          );
        },
        stop() {
          const { running, curve } = get().score;
          if (!curve && running?.baseline) patch('score', { stopped: running });
          return 'Scoring was cancelled.';
        },
        end: () => patch('score', { running: null, progress: null, cancelling: false }),
      });
    },
    takeCurve(result, key, restored, notes = []) {
      lastId = Math.max(lastId + 1, context.date());
      const resumed = get().score.running?.resumed ?? false;
      const curve = {
        id: lastId,
        result: ranked(result),
        settingsKey: key,
        restored,
        resumed,
        notes,
      };
      // Perplexities of another curve's windows must never stand beside this one.
      patch('effect', EFFECT.first);
      patch('score', { stopped: null, curve });
    },
    async cancel() {
      patch('score', { cancelling: get().score.running !== null });
      const stopped = api.cancel();
      // A paused search notices that it was cancelled only when it continues.
      if (get().search.paused) void api.pause(false);
      await stopped;
    },
  };
  // Memory was estimated for the device that a GPU would be.
  const unsubscribe = context.store.subscribe(({ device }, before) => {
    if (device.choice && device.choice !== before.device.choice) void actions.refreshMemory();
  });
  context.onDispose(unsubscribe);
  return actions;
}
