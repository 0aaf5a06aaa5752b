// How many tokens a text may have before it is tokenized, from its length in characters.

import type { EvaluateRequest } from '../../contract/evaluate.ts';
import { modelOf } from '../open/selectors.ts';
import type { StudioState } from '../state.ts';

/** Characters of the bundled evaluation text. */
export const EVALUATION_CHARACTERS = 228_415;

/** English prose: fewer characters to a token where the vocabulary is small. */
const CHARACTERS = { small: [3.2, 3.6], large: [3.9, 4.8] } as const;
const LARGE_VOCABULARY = 16_000;

/** Tokens of a text, at least and at most: counted where it was evaluated before. */
export function tokensOfText(
  state: StudioState,
  text: EvaluateRequest['text'],
): { low: number; high: number } {
  const name = text.kind === 'bundled' ? 'evaluation.txt' : text.name;
  const before = state.evaluate.results.find(({ result }) => result.text.name === name)?.result;
  if (before) return { low: before.text.tokens, high: before.text.tokens };
  const length = text.kind === 'bundled' ? EVALUATION_CHARACTERS : text.text.length;
  const vocabulary = modelOf(state)?.summary.vocabSize ?? 0;
  const [few, many] = vocabulary < LARGE_VOCABULARY ? CHARACTERS.small : CHARACTERS.large;
  return { low: length / many, high: length / few };
}
