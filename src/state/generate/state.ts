// What the page knows of generating side by side: the prompt as typed, and what came out.

import { GREEDY, type Sampling } from '../../analysis/sampling.ts';
import type { Side } from '../../contract/generate.ts';
import type { Progress } from '../../contract/progress.ts';
import type { Which } from '../../contract/speed.ts';
import type { EncodedPrompt } from '../../contract/variant.ts';
import type { ErrorReport } from '../../errors.ts';
import type { Unit } from '../../units.ts';
import type { Slice } from '../slice.ts';
import { FIRST_PROMPT } from './examples.ts';

/** A message and the answer that the conversation continues from. */
export interface Exchange {
  /** Counts up within a conversation. */
  id: number;
  user: string;
  assistant: string;
  /** Whose answer it is. */
  which: Which;
}

/** What is to be generated, as typed. */
export interface GenerateForm {
  /**
   * `chat` goes through the model's template; `ids` are token ids, for models without a tokenizer.
   */
  mode: 'raw' | 'chat' | 'ids';
  prompt: string;
  /** System text of a chat; empty: the template's own default. */
  system: string;
  /** What was said before the prompt, in a chat. */
  turns: readonly Exchange[];
  /** Token ids as typed, separated by commas or blanks. */
  ids: string;
  /** Most new tokens. */
  tokens: number;
  sampling: Sampling;
  stopAtEos: boolean;
}

/** A generation, whole or as far as it came. */
export interface Generated {
  removed: readonly Unit[];
  /** Id of the healing of the pruned side; absent: the weights of the source. */
  healing?: string | undefined;
  form: GenerateForm;
  /** What the prompt was taken for. */
  mode: GenerateForm['mode'];
  /** What the prompt was turned into; null until it is. */
  prompt: EncodedPrompt | null;
  sides: { readonly [W in Which]?: Side };
  errors: { readonly [W in Which]?: ErrorReport };
  notes: readonly string[];
  /** Ended by hand. */
  stopped: boolean;
}

export interface GenerateSlice {
  form: GenerateForm;
  running: boolean;
  /** Of loading; null while tokens come. */
  progress: Progress | null;
  /**
   * The last generation, or the one that runs; of another plan when its `removed` differ from the
   * plan's.
   */
  shown: Generated | null;
}

const first: GenerateSlice = {
  form: {
    mode: 'raw',
    prompt: FIRST_PROMPT,
    system: '',
    turns: [],
    ids: '1, 2, 3',
    tokens: 64,
    sampling: GREEDY,
    stopAtEos: true,
  },
  running: false,
  progress: null,
  shown: null,
};

export const GENERATE: Slice<GenerateSlice> = {
  first,
  keep: (slice, opened) =>
    opened === 'same-model'
      ? { ...slice, running: false, progress: null }
      : { ...first, form: { ...slice.form, mode: 'raw', turns: [] } },
};
