// Whether a typed text is long enough for what it is meant for.

import { segmentsOf } from '../evaluate/selectors.ts';
import type { StudioState } from '../state.ts';
import type { TextField } from './state.ts';

/** The tokens that one window or segment takes from the text; the rest of it is the BOS token. */
export function tokensNeeded(state: StudioState, field: TextField): number {
  const { count } = state.drafts[field];
  const { bos } = field === 'scoring' ? state.score.settings : state.evaluate.form;
  const length =
    field === 'scoring'
      ? state.score.settings.length
      : segmentsOf(state.evaluate.form, state.model.current).segment;
  const withBos = bos === null ? (count?.addsBos ?? false) : bos === 'every';
  return withBos ? length - 1 : length;
}

/** Token ids instead of a text, which scoring takes as they are. */
export const isTokenIds = (state: StudioState, field: TextField): boolean =>
  field === 'scoring' && /^\s*[[{]/.test(state.drafts[field].text);
