// The patterns of a tokenizer, written for Oniguruma, as regular expressions of JavaScript.

import { SplitPreTokenizer } from '@huggingface/tokenizers';
import { brief } from '../config.ts';
import { withFolds } from './ignoreCase.ts';
import { type Options, unsupported } from './options.ts';

const SYNTAX = /[\\^$.*+?()[\]{}|/-]/g;

/** A global pattern that matches a text itself. */
export function literalPattern(text: string): RegExp {
  return new RegExp(text.replace(SYNTAX, '\\$&'), 'gu');
}

/**
 * A pattern in the syntax of Oniguruma as a global one of JavaScript.
 * @throws EspalierError `tokenizer` when it cannot be expressed
 */
export function oniguruma(source: string): RegExp {
  let pattern: unknown;
  const folded = withFolds(source);
  try {
    // The library translates the syntax; of its pre-tokenizer only the pattern is used.
    ({ pattern } = new SplitPreTokenizer({
      type: 'Split',
      pattern: { Regex: folded },
      behavior: 'Isolated',
      invert: false,
    }));
  } catch (error) {
    throw unsupported(
      `the pattern ${JSON.stringify(source.slice(0, 80))}`,
      brief(error instanceof Error ? error.message : String(error)),
    );
  }
  return pattern as RegExp;
}

/** The option `pattern`: `{"String": ...}` or `{"Regex": ...}`. */
export function readPattern(options: Options): RegExp {
  const value = options.raw('pattern');
  const { String: text, Regex: source } = (value ?? {}) as { String?: unknown; Regex?: unknown };
  if (typeof text === 'string') return literalPattern(text);
  if (typeof source === 'string') return oniguruma(source);
  throw unsupported(
    `the pattern ${JSON.stringify(value)?.slice(0, 80)} in ${options.part}`,
    'it is neither a String nor a Regex',
  );
}
