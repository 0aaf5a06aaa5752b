// Side by side generation: one prompt for original and plan, streamed. Must not measure speed or
// change the plan.

import { firstDifference } from '../../analysis/divergence.ts';
import type { GenerateEvent } from '../../contract/generate.ts';
import type { Which } from '../../contract/speed.ts';
import { isCancelled } from '../../errors.ts';
import type { Context } from '../context.ts';
import { engineJob, JOB_WORDS } from '../jobs.ts';
import { derive } from '../memo.ts';
import { untilQuiet, waitsForEffect } from '../quiet.ts';
import { isMetering } from '../speed/metering.ts';
import { meterRequest } from '../speed/settings.ts';
import type { Generated, GenerateForm, StudioState } from '../state.ts';
import { continued, guessTokens, modeOf, promptOf } from './prompt.ts';

export interface GenerateActions {
  setGenerateForm(fields: Partial<GenerateForm>): void;
  /** Both variants go on from the prompt; nothing happens while a generation runs. */
  generate(): Promise<void>;
  /** What was generated so far stays. */
  stopGenerating(): void;
  /**
   * The answer of one side becomes part of the conversation, and the next message goes on from it.
   */
  continueChat(which: Which): void;
  /** Takes a message and its answer out of the conversation. */
  removeTurn(index: number): void;
  newChat(): void;
}

/** Why nothing can be generated now, or ''. An automatic measurement gives way. */
export function whyNoGenerating(state: StudioState): string {
  if (!state.model.current) return 'No model is open.';
  const job = engineJob(state);
  if (job) return JOB_WORDS[job];
  if (state.model.opening !== null) return 'A folder is being read.';
  if (state.generate.running) return 'A generation is running.';
  return isMetering(state) ? 'A measurement is running.' : '';
}

/** Index of the first new token in which the two differ, or null. */
export const divergence = derive(
  (state: StudioState) => [state.generate.shown],
  (shown): number | null => {
    const { original, pruned } = shown?.sides ?? {};
    return original && pruned ? firstDifference(original, pruned) : null;
  },
);

/** True while a generation waits for the perplexity of the plan. */
export function waitsForPerplexity(state: StudioState): boolean {
  const { running, progress, shown } = state.generate;
  return running && progress === null && !shown?.prompt && waitsForEffect(state);
}

export function makeGenerateActions(context: Context): GenerateActions & { dispose(): void } {
  const { meter, get, patch, store } = context;
  let turn = 0;

  function follow(event: GenerateEvent): void {
    const { shown } = get().generate;
    if (event.type === 'progress') {
      patch('generate', { progress: event.progress });
      return;
    }
    if (!shown) return;
    const next: Partial<Generated> =
      event.type === 'note'
        ? { notes: [...shown.notes, event.text] }
        : event.type === 'prompt'
          ? { prompt: event.prompt }
          : event.type === 'side'
            ? { sides: { ...shown.sides, [event.which]: event.side } }
            : { errors: { ...shown.errors, [event.which]: event.error } };
    patch('generate', {
      shown: { ...shown, ...next },
      ...(event.type === 'side' ? { progress: null } : {}),
    });
  }

  /**
   * What the sides already say is not said again; what they both say is said once, by the notice.
   */
  function fail(error: unknown): void {
    const { shown, running } = get().generate;
    const told = shown && running ? Object.values(shown.errors).map(({ message }) => message) : [];
    if (new Set(told).size > 1) {
      context.announce(`Generating failed. ${told.join(' ')}`);
      return;
    }
    context.fail('generate', error);
    if (!shown || !running) return;
    const isEmpty = !shown.sides.original && !shown.sides.pruned;
    patch('generate', { shown: isEmpty ? null : { ...shown, errors: {} } });
  }

  function stop(words: string): void {
    const { running, shown } = get().generate;
    if (!running) return;
    turn++;
    meter.cancel();
    const isEmpty = !shown?.sides.original && !shown?.sides.pruned;
    patch('generate', {
      running: false,
      progress: null,
      shown: shown && (isEmpty ? null : { ...shown, stopped: true }),
    });
    context.announce(words);
  }

  const unsubscribe = store.subscribe((state, before) => {
    if (state.model.current !== before.model.current && before.generate.running) {
      // The slice is already that of the new model.
      turn++;
      meter.cancel();
    } else if (state.generate.running && engineJob(state)) stop('Generating was stopped.');
  });

  return {
    setGenerateForm: (fields) => patch('generate', { form: { ...get().generate.form, ...fields } }),
    async generate() {
      const { current } = get().model;
      if (!current || whyNoGenerating(get())) return;
      context.clear('generate');
      const mine = ++turn;
      const { form } = get().generate;
      const mode = modeOf(get());
      const removed = [...get().plan.present.removed];
      const { device } = get().score.settings;
      try {
        const prompt = promptOf(form, mode);
        const { tokens, sampling, stopAtEos } = form;
        const shown: Generated = {
          removed,
          form,
          mode,
          prompt: null,
          sides: {},
          errors: {},
          notes: [],
          stopped: false,
        };
        patch('generate', { running: true, progress: null, shown });
        await untilQuiet(store, () => mine === turn);
        context.announce('Generating.');
        const request = {
          ...meterRequest(current, removed, device, guessTokens(prompt) + tokens),
          prompt,
          tokens,
          sampling,
          stopAtEos,
        };
        await meter.generate(request, (event) => {
          if (mine === turn) follow(event);
        });
        if (mine !== turn) return;
        const at = divergence(get());
        const same =
          removed.length === 0
            ? ''
            : at === null
              ? ' Both texts are the same.'
              : ` They differ from token ${at + 1} on.`;
        context.announce(`Generated.${same}`);
      } catch (error) {
        if (mine === turn && !isCancelled(error)) fail(error);
      } finally {
        if (mine === turn) patch('generate', { running: false, progress: null });
      }
    },
    stopGenerating: () => stop('Stopped.'),
    continueChat(which) {
      const { shown, form } = get().generate;
      const turns = continued(shown, which);
      if (!shown || !turns) return;
      // A next message that is already typed stays.
      patch('generate', {
        form: {
          ...form,
          mode: 'chat',
          turns,
          prompt: form.prompt === shown.form.prompt ? '' : form.prompt,
        },
      });
      context.announce('The answer is part of the conversation. Type the next message.');
    },
    removeTurn(index) {
      const { form } = get().generate;
      patch('generate', { form: { ...form, turns: form.turns.filter((_, i) => i !== index) } });
    },
    newChat() {
      const { form } = get().generate;
      patch('generate', { form: { ...form, turns: [] } });
      context.announce('A new chat.');
    },
    dispose() {
      unsubscribe();
      stop('');
    },
  };
}
