// The importance curve: settings, memory before it starts, a curve that grows, cancel. A failed or
// cancelled run keeps the old curve; without one, what it had measured stays to be looked at.

import type { ScoreEvent, ScoreResult, ScoreSettings } from '../../contract/score.ts';
import { EspalierError } from '../../errors.ts';
import { batched } from '../batch.ts';
import type { Context } from '../context.ts';
import { engineJob } from '../jobs.ts';
import { settingsKey } from '../keys.ts';
import { type GrowingCurve, NO_EFFECT } from '../state.ts';
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
  /** Takes a curve in force: measured just now, or restored from a file. */
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

function withEvent(
  curve: GrowingCurve,
  event: Exclude<ScoreEvent, { type: 'progress' }>,
): GrowingCurve {
  if (event.type === 'note') return { ...curve, notes: [...curve.notes, event.text] };
  if (event.type === 'started') return { ...curve, device: event.device, windows: event.windows };
  if (event.type === 'baseline') return { ...curve, baseline: event.baseline };
  return { ...curve, blocks: [...curve.blocks, event.block] };
}

export function makeScoreActions(
  context: Context,
  checkDevice: () => Promise<void>,
  onCurve: () => void,
): ScoreActions {
  const { api, get, patch } = context;
  let memoryTurn = 0;
  let curves = 0;

  /** Follows a run, unless another model was opened meanwhile. */
  function follower(model: unknown) {
    return batched<ScoreEvent>((events) => {
      let { running, progress } = get().score;
      if (!running || get().model.current !== model) return;
      for (const event of events) {
        if (event.type === 'progress') progress = event.progress;
        else running = withEvent(running, event);
      }
      patch('score', { running, progress });
    });
  }

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
      const { current } = get().model;
      if (!current?.summary.canScore) return;
      const mine = ++memoryTurn;
      try {
        const memory = await api.memory(get().score.settings);
        if (mine === memoryTurn && get().model.current === current) patch('score', { memory });
      } catch (error) {
        if (mine === memoryTurn && !get().score.running) context.fail('score', error);
      }
    },
    async score() {
      const { current } = get().model;
      if (!current || engineJob(get())) return;
      const { settings } = get().score;
      context.clear('score');
      patch('score', {
        running: { ...NO_CURVE_YET, settings },
        stopped: null,
        progress: null,
        cancelling: false,
      });
      // Whoever starts wants to see the curve grow.
      patch('view', { dialog: null });
      context.announce('Scoring has started.');
      const events = follower(current);
      try {
        // Scoring waits for the self-test by itself; this shows its report as soon as it is there.
        void checkDevice();
        const result = await api.score(settings, events.onEvent);
        events.flush();
        if (get().model.current !== current) return;
        actions.takeCurve(result, settingsKey(settings), false, get().score.running?.notes);
        context.announce(
          `Scored ${result.blocks.length} blocks in ${result.seconds.toFixed(1)} seconds. ` +
            `Block ${result.order[0] ?? 0} matters least.`,
        );
      } catch (error) {
        events.flush();
        if (get().model.current === current) {
          const { running, curve } = get().score;
          if (!curve && running?.blocks.length) patch('score', { stopped: running });
          context.fail('score', error);
        }
        context.announce('Scoring has stopped.');
      } finally {
        events.stop();
        if (get().model.current === current)
          patch('score', { running: null, progress: null, cancelling: false });
      }
      onCurve();
    },
    takeCurve(result, key, restored, notes = []) {
      patch('score', {
        stopped: null,
        curve: { id: ++curves, result, settingsKey: key, restored, notes },
      });
      // Perplexities of another curve's windows must never stand beside this one.
      patch('effect', NO_EFFECT);
    },
    async cancel() {
      patch('score', { cancelling: get().score.running !== null });
      const stopped = api.cancel();
      // What is held must go on to find out that it is over.
      if (get().search.paused) void api.pause(false);
      await stopped;
    },
  };
  return actions;
}
