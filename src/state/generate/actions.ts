// Side by side generation: one prompt for original and plan, streamed. Must not measure speed or
// change the plan.

import type { GenerateEvent } from '../../contract/generate.ts';
import type { Which } from '../../contract/speed.ts';
import { isCancelled } from '../../errors.ts';
import type { Context } from '../context.ts';
import { engineJob } from '../jobs.ts';
import { untilQuiet } from '../quiet.ts';
import { meterRequest } from '../speed/settings.ts';
import { continued, guessTokens, modeOf, promptOf } from './prompt.ts';
import { divergence, generateObstacle } from './selectors.ts';
import type { Generated, GenerateForm } from './state.ts';

export interface GenerateActions {
  setGenerateForm(fields: Partial<GenerateForm>): void;
  /** Both variants continue the prompt; nothing happens while a generation runs. */
  generate(): Promise<void>;
  /** What was generated so far stays. */
  stopGenerating(): void;
  /**
   * The answer of one side becomes part of the conversation, and the next message continues from
   * it.
   */
  continueChat(which: Which): void;
  /** Takes a message and its answer out of the conversation. */
  removeTurn(index: number): void;
  newChat(): void;
}

/** The generation after an event other than progress. */
function withEvent(
  shown: Generated,
  event: Exclude<GenerateEvent, { type: 'progress' }>,
): Generated {
  switch (event.type) {
    case 'note':
      return { ...shown, notes: [...shown.notes, event.text] };
    case 'prompt':
      return { ...shown, prompt: event.prompt };
    case 'side':
      return { ...shown, sides: { ...shown.sides, [event.which]: event.side } };
    case 'failed':
      return { ...shown, errors: { ...shown.errors, [event.which]: event.error } };
  }
}

const isEmpty = (shown: Generated | null) => !shown?.sides.original && !shown?.sides.pruned;

export function makeGenerateActions(context: Context): GenerateActions {
  const { meter, get, patch, store } = context;
  const requests = context.newest();

  function follow(event: GenerateEvent): void {
    const { shown } = get().generate;
    if (event.type === 'progress') patch('generate', { progress: event.progress });
    else if (shown)
      patch('generate', {
        shown: withEvent(shown, event),
        ...(event.type === 'side' ? { progress: null } : {}),
      });
  }

  /**
   * An error that both sides share is shown once, by the notice; different errors are shown at
   * their sides, and only announced here.
   */
  function fail(error: unknown): void {
    const { shown, running } = get().generate;
    const ofSides = shown && running ? Object.values(shown.errors) : [];
    const messages = ofSides.map(({ message }) => message);
    if (new Set(messages).size > 1) {
      context.announce(`Generating failed. ${messages.join(' ')}`);
      return;
    }
    context.fail('generate', error);
    if (shown && running)
      patch('generate', { shown: isEmpty(shown) ? null : { ...shown, errors: {} } });
  }

  function stop(words: string): void {
    const { running, shown } = get().generate;
    if (!running) return;
    requests.drop();
    meter.cancel();
    patch('generate', {
      running: false,
      progress: null,
      shown: shown && !isEmpty(shown) ? { ...shown, stopped: true } : null,
    });
    context.announce(words);
  }

  function generatedWords(isPruned: boolean): string {
    if (!isPruned) return 'Generated.';
    const at = divergence(get());
    if (at === null) return 'Generated. Both texts are the same.';
    return `Generated. They differ from token ${at + 1} on.`;
  }

  async function generate(): Promise<void> {
    const { current } = get().model;
    if (!current || generateObstacle(get()) !== null) return;
    context.clear('generate');
    const isNewest = requests.begin();
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
      await untilQuiet(store, isNewest);
      context.announce('Generating.');
      const request = {
        ...meterRequest(current, removed, device, guessTokens(prompt) + tokens),
        prompt,
        tokens,
        sampling,
        stopAtEos,
      };
      await meter.generate(request, (event) => {
        if (isNewest()) follow(event);
      });
      if (isNewest()) context.announce(generatedWords(removed.length > 0));
    } catch (error) {
      if (isNewest() && !isCancelled(error)) fail(error);
    } finally {
      if (isNewest()) patch('generate', { running: false, progress: null });
    }
  }

  const unsubscribe = store.subscribe((state, before) => {
    if (state.model.current !== before.model.current && before.generate.running) {
      // The slice is already that of the new model.
      requests.drop();
      meter.cancel();
    } else if (state.generate.running && engineJob(state)) stop('Generating was stopped.');
  });
  context.onDispose(() => {
    unsubscribe();
    stop('');
  });

  return {
    setGenerateForm: (fields) => patch('generate', { form: { ...get().generate.form, ...fields } }),
    generate,
    stopGenerating: () => stop('Stopped.'),
    continueChat(which) {
      const { shown, form } = get().generate;
      const turns = continued(shown, which);
      if (!shown || !turns) return;
      // A next message that is already typed stays.
      const prompt = form.prompt === shown.form.prompt ? '' : form.prompt;
      patch('generate', { form: { ...form, mode: 'chat', turns, prompt } });
      context.announce('The answer is part of the conversation. Type the next message.');
    },
    removeTurn(index) {
      const { form } = get().generate;
      patch('generate', { form: { ...form, turns: form.turns.filter((_, i) => i !== index) } });
    },
    newChat() {
      const { form } = get().generate;
      patch('generate', { form: { ...form, turns: [] } });
      context.announce('A new chat has started.');
    },
  };
}
