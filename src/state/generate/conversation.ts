// What is typed for a generation, and the conversation that it continues.

import type { Which } from '../../contract/speed.ts';
import type { Context } from '../context.ts';
import { FIRST_MESSAGE, FIRST_PROMPT } from './examples.ts';
import { continued } from './prompt.ts';
import type { GenerateForm } from './state.ts';

export interface ConversationActions {
  setGenerateForm(fields: Partial<GenerateForm>): void;
  /**
   * The answer of one side becomes part of the conversation, and the next message continues from
   * it.
   */
  continueChat(which: Which): void;
  /** Takes a message and its answer out of the conversation. */
  removeTurn(index: number): void;
  newChat(): void;
}

/** A prompt that nobody typed follows the kind of prompt: a text to go on with, or a question. */
function withSeed(form: GenerateForm): GenerateForm {
  if (form.mode === 'chat')
    return form.prompt === FIRST_PROMPT ? { ...form, prompt: FIRST_MESSAGE } : form;
  return form.prompt === FIRST_MESSAGE ? { ...form, prompt: FIRST_PROMPT } : form;
}

export function makeConversationActions(context: Context): ConversationActions {
  const { get, patch } = context;
  const setGenerateForm = (fields: Partial<GenerateForm>) =>
    patch('generate', { form: withSeed({ ...get().generate.form, ...fields }) });

  return {
    setGenerateForm,
    continueChat(which) {
      const { shown, form } = get().generate;
      const turns = continued(shown, which);
      if (!shown || !turns) return;
      // A next message that is already typed stays.
      const prompt = form.prompt === shown.form.prompt ? '' : form.prompt;
      setGenerateForm({ mode: 'chat', turns, prompt });
      context.announce('The answer is part of the conversation. Type the next message.');
    },
    removeTurn: (index) =>
      setGenerateForm({ turns: get().generate.form.turns.filter((_, i) => i !== index) }),
    newChat() {
      setGenerateForm({ turns: [] });
      context.announce('A new chat has started.');
    },
  };
}
