// What is typed as a prompt: text, a conversation through the model's template, or token ids. Pure.

import type { Which } from '../../contract/speed.ts';
import type { Prompt, VariantInfo } from '../../contract/variant.ts';
import { EspalierError } from '../../errors.ts';
import type { StudioState } from '../state.ts';
import type { Exchange, Generated, GenerateForm } from './state.ts';

/** Fewest tokens that a prompt is taken to have before it is encoded, for the memory estimate. */
const PROMPT_TOKENS = 256;

/** State of the model's chat template; `none` while no model is open. */
export function chatState(state: StudioState): VariantInfo['chat'] {
  return state.model.current?.chat ?? 'none';
}

/**
 * What the prompt is taken for: without a tokenizer only token ids can be given, without a template
 * no chat.
 */
export function modeOf(state: StudioState): GenerateForm['mode'] {
  const { mode } = state.generate.form;
  if (state.model.current?.hasTokenizer === false) return 'ids';
  return mode === 'chat' && chatState(state) !== 'ok' ? 'raw' : mode;
}

/** @throws EspalierError `bad-input` */
export function promptOf(
  { prompt, system, turns, ids }: GenerateForm,
  mode: GenerateForm['mode'],
): Prompt {
  if (mode === 'ids') {
    const words = ids.split(/[\s,;]+/).filter((word) => word !== '');
    const bad = words.find((word) => !/^\d+$/.test(word));
    if (words.length === 0)
      throw new EspalierError(
        'bad-input',
        'There are no token ids.',
        'Give ids separated by commas, such as 1, 2, 3.',
      );
    if (bad !== undefined)
      throw new EspalierError(
        'bad-input',
        `"${bad}" is no token id.`,
        'Give whole numbers separated by commas.',
      );
    return { kind: 'ids', ids: words.map(Number) };
  }
  if (prompt.trim() === '')
    throw new EspalierError(
      'bad-input',
      'The prompt is empty.',
      'Type a prompt, or take an example.',
    );
  if (mode === 'raw') return { kind: 'raw', text: prompt };
  return {
    kind: 'chat',
    messages: [
      ...(system.trim() === '' ? [] : [{ role: 'system' as const, content: system }]),
      ...turns.flatMap(({ user, assistant }) => [
        { role: 'user' as const, content: user },
        { role: 'assistant' as const, content: assistant },
      ]),
      { role: 'user', content: prompt },
    ],
  };
}

/** Tokens that a prompt may have: an id is hardly ever shorter than two characters. */
export function guessTokens(prompt: Prompt): number {
  if (prompt.kind === 'ids') return prompt.ids.length;
  const texts =
    prompt.kind === 'raw' ? [prompt.text] : prompt.messages.map(({ content }) => content);
  return Math.max(PROMPT_TOKENS, Math.ceil(texts.reduce((sum, text) => sum + text.length, 0) / 2));
}

/** The conversation with the answer of one side at its end, or null where there is none. */
export function continued(shown: Generated | null, which: Which): Exchange[] | null {
  const answer = shown?.sides[which]?.text ?? '';
  if (shown?.mode !== 'chat' || answer === '') return null;
  const { turns, prompt } = shown.form;
  return [...turns, { id: (turns.at(-1)?.id ?? 0) + 1, user: prompt, assistant: answer, which }];
}
