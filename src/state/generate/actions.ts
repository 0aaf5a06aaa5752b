// Side by side generation: one prompt for original and plan, streamed. Must not measure speed or
// change the plan.

import type { GenerateEvent, GenerateRequest } from '../../contract/generate.ts';
import { isCancelled } from '../../errors.ts';
import type { Context } from '../context.ts';
import { untilEffectMeasured } from '../effect/waiting.ts';
import { stepsOf } from '../heal/steps.ts';
import { engineJob } from '../jobs.ts';
import type { OpenModel } from '../open/state.ts';
import { meterRequest } from '../speed/settings.ts';
import type { StudioState } from '../state.ts';
import { guessTokens, modeOf, promptOf } from './prompt.ts';
import { divergence, generateObstacle } from './selectors.ts';
import type { Generated } from './state.ts';

export interface GenerateActions {
  /** Both variants continue the prompt; nothing happens while a generation runs. */
  generate(): Promise<void>;
  /** What was generated so far stays. */
  stopGenerating(): void;
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

/**
 * What the engine is asked for, and the generation before anything came.
 * @throws EspalierError `bad-input`
 */
function generation(
  state: StudioState,
  model: OpenModel,
): { request: GenerateRequest; shown: Generated } {
  const { form } = state.generate;
  const mode = modeOf(state);
  const { removed: units, healing } = state.plan.present;
  const removed = [...units];
  const prompt = promptOf(form, mode);
  const { tokens, sampling, stopAtEos } = form;
  const { device } = state.score.settings;
  const base = meterRequest(model, removed, device, guessTokens(prompt) + tokens);
  return {
    request: { ...base, prompt, tokens, sampling, stopAtEos },
    shown: {
      removed,
      ...(healing !== undefined && { healing }),
      form,
      mode,
      prompt: null,
      sides: {},
      errors: {},
      notes: [],
      stopped: false,
    },
  };
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
    return `Generated. First difference at token ${at + 1}.`;
  }

  async function generate(): Promise<void> {
    const { current } = get().model;
    if (!current || generateObstacle(get()) !== null) return;
    context.clear('generate');
    const isNewest = requests.begin();
    const isPruned = get().plan.present.removed.length > 0;
    try {
      const { request, shown } = generation(get(), current);
      patch('generate', { running: true, progress: null, shown });
      await untilEffectMeasured(store, isNewest);
      context.announce('Generating.');
      const steps = await stepsOf(context, { ...shown, dtype: null });
      if (!isNewest()) return;
      await meter.generate({ ...request, steps }, (event) => {
        if (isNewest()) follow(event);
      });
      if (isNewest()) context.announce(generatedWords(isPruned));
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
    generate,
    stopGenerating: () => stop('Stopped.'),
  };
}
