// Side by side generation: one prompt for original and plan, streamed. Must not measure speed or change the plan.

import { firstDifference } from '../analysis/divergence.ts';
import { EspalierError, isCancelled } from '../errors.ts';
import type { GenerateEvent, Prompt, VariantInfo } from '../worker/benchApi.ts';
import type { Context } from './context.ts';
import { derive } from './memo.ts';
import { isMetering } from './metering.ts';
import { meterRequest } from './speedSettings.ts';
import type { Generated, GenerateForm, StudioState } from './state.ts';

export interface GenerateActions {
  setGenerateForm(fields: Partial<GenerateForm>): void;
  /** Both variants go on from the prompt; a generation that runs is ended first. */
  generate(): Promise<void>;
  /** What was generated so far stays. */
  stopGenerating(): void;
}

/** Guess of the prompt's length before it is encoded, for the memory estimate. */
const PROMPT_TOKENS = 256;

/** Why nothing can be generated now, or ''. An automatic measurement gives way. */
export function whyNoGenerating(state: StudioState): string {
  if (!state.model.current) return 'No model is open.';
  if (state.score.running) return 'Blocks are being scored.';
  if (state.export.running) return 'An export is running.';
  if (state.model.opening !== null) return 'A folder is being read.';
  return isMetering(state) ? 'A measurement is running.' : '';
}

/** Without a tokenizer only token ids can be given. */
export function modeOf(state: StudioState): GenerateForm['mode'] {
  return state.model.current?.hasTokenizer === false ? 'ids' : state.generate.form.mode;
}

/** What is known of the model's chat template: null until a variant was loaded. */
export const chatState = derive(
  (state: StudioState) => [state.generate.shown, state.speed.known],
  (shown, known): VariantInfo['chat'] | null => {
    const side = shown?.sides.original ?? shown?.sides.pruned;
    const measured = [...known.values()].at(-1)?.result;
    return (side ?? measured?.original ?? measured?.pruned)?.info.chat ?? null;
  },
);

/** Index of the first new token in which the two differ, or null. */
export const divergence = derive(
  (state: StudioState) => [state.generate.shown],
  (shown): number | null => {
    const { original, pruned } = shown?.sides ?? {};
    return original && pruned ? firstDifference(original, pruned) : null;
  },
);

/** @throws EspalierError `bad-input` */
function promptOf({ prompt, system, ids }: GenerateForm, mode: GenerateForm['mode']): Prompt {
  if (mode === 'ids') {
    const words = ids.split(/[\s,;]+/).filter((word) => word !== '');
    const bad = words.find((word) => !/^\d+$/.test(word));
    if (words.length === 0)
      throw new EspalierError('bad-input', 'There are no token ids.', 'Give ids separated by commas, such as 1, 2, 3.');
    if (bad !== undefined) throw new EspalierError('bad-input', `"${bad}" is no token id.`, 'Give whole numbers separated by commas.');
    return { kind: 'ids', ids: words.map(Number) };
  }
  if (prompt.trim() === '') throw new EspalierError('bad-input', 'The prompt is empty.', 'Type a prompt, or take an example.');
  if (mode === 'raw') return { kind: 'raw', text: prompt };
  const user = { role: 'user' as const, content: prompt };
  return { kind: 'chat', messages: system.trim() === '' ? [user] : [{ role: 'system', content: system }, user] };
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
    patch('generate', { shown: { ...shown, ...next }, ...(event.type === 'side' ? { progress: null } : {}) });
  }

  function stop(words: string): void {
    const { running, shown } = get().generate;
    if (!running) return;
    turn++;
    meter.cancel();
    patch('generate', { running: false, progress: null, shown: shown && { ...shown, stopped: true } });
    context.announce(words);
  }

  const unsubscribe = store.subscribe((state, before) => {
    if (state.model.current !== before.model.current && before.generate.running) {
      // The slice is already that of the new model.
      turn++;
      meter.cancel();
    } else if (state.generate.running && (state.score.running || state.export.running)) stop('Generating was stopped.');
  });

  return {
    setGenerateForm: (fields) => patch('generate', { form: { ...get().generate.form, ...fields } }),
    async generate() {
      const { current } = get().model;
      if (!current || whyNoGenerating(get())) return;
      stop('');
      context.clear('generate');
      const mine = ++turn;
      const { form } = get().generate;
      const removed = [...get().plan.present.removed];
      const { device } = get().score.settings;
      try {
        const prompt = promptOf(form, modeOf(get()));
        const { tokens, sampling, stopAtEos } = form;
        const shown: Generated = { removed, form, prompt: null, sides: {}, errors: {}, notes: [], stopped: false };
        patch('generate', { running: true, progress: null, shown });
        context.announce('Generating.');
        const request = { ...meterRequest(current, removed, device, PROMPT_TOKENS + tokens), prompt, tokens, sampling, stopAtEos };
        await meter.generate(request, (event) => {
          if (mine === turn) follow(event);
        });
        if (mine !== turn) return;
        const at = divergence(get());
        const same = removed.length === 0 ? '' : at === null ? ' Both texts are the same.' : ` They differ from token ${at + 1} on.`;
        context.announce(`Generated.${same}`);
      } catch (error) {
        if (mine === turn && !isCancelled(error)) context.fail('generate', error);
      } finally {
        if (mine === turn) patch('generate', { running: false, progress: null });
      }
    },
    stopGenerating: () => stop('Stopped.'),
    dispose() {
      unsubscribe();
      stop('');
    },
  };
}
