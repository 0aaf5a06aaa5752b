// How a tokenizer splits a text into words before its model looks at them.

import { bytesAsText } from './bytes.ts';
import { malformed, Options, unsupported } from './options.ts';
import { literalPattern, oniguruma, readPattern } from './pattern.ts';
import { BEHAVIORS, type Behavior, type Piece, splitPiece } from './pieces.ts';

export type PreTokenizer = (piece: Piece) => Piece[];

const SPACE = /\p{White_Space}/gu;
const NUMBER = /\p{N}/gu;
/** Punctuation of Unicode, and what ASCII counts as such. */
const PUNCTUATION = /[\p{P}!-/:-@[-`{-~]/gu;
/** Words as Rust's regular expressions see them, and what is neither word nor space. */
const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';
const WORDS = new RegExp(`[${WORD}]+|[^${WORD}\\p{White_Space}]+`, 'gu');
/** @source GPT-2, encoder.py */
const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/**
 * The pre-tokenizer of tokenizer.json.
 * @throws EspalierError `tokenizer`, naming what is not supported
 * @source Hugging Face Tokenizers, pre_tokenizers
 */
export function readPreTokenizer(value: unknown): PreTokenizer {
  const options = new Options(value, 'pre_tokenizer');
  const preTokenizer = make(options);
  options.end();
  return preTokenizer;
}

function make(options: Options): PreTokenizer {
  switch (options.type) {
    case 'Sequence': {
      const all = options.list('pretokenizers').map(readPreTokenizer);
      return (piece) => all.reduce((done, one) => done.flatMap(one), [piece]);
    }
    case 'ByteLevel':
      return byteLevel(options);
    case 'Metaspace':
      return metaspace(options);
    case 'Split': {
      const pattern = readPattern(options);
      return splitting(pattern, options.choice('behavior', BEHAVIORS), options.bool('invert'));
    }
    case 'Punctuation':
      return splitting(PUNCTUATION, options.choice('behavior', BEHAVIORS, 'Isolated'));
    case 'Digits':
      return splitting(NUMBER, options.bool('individual_digits') ? 'Isolated' : 'Contiguous');
    case 'WhitespaceSplit':
      return splitting(SPACE, 'Removed');
    case 'Whitespace':
      return splitting(WORDS, 'Removed', true);
    case 'BertPreTokenizer': {
      const words = splitting(SPACE, 'Removed');
      const marks = splitting(PUNCTUATION, 'Isolated');
      return (piece) => words(piece).flatMap(marks);
    }
    case 'CharDelimiterSplit':
      return splitting(literalPattern(oneChar(options, 'delimiter')), 'Removed');
    case 'FixedLength':
      return fixedLength(options.count('length', 5), options);
    case 'UnicodeScripts':
      throw unsupported(options.part, 'its table of scripts is that of an old version of Unicode');
    default:
      throw unsupported(options.part, 'there is no such pre_tokenizer here');
  }
}

const splitting =
  (pattern: RegExp, behavior: Behavior, invert = false): PreTokenizer =>
  (piece) =>
    splitPiece(piece, pattern, behavior, invert);

function byteLevel(options: Options): PreTokenizer {
  const prefix = options.bool('add_prefix_space');
  // trim_offsets changes no ids.
  options.bool('trim_offsets', true);
  const pattern = options.bool('use_regex', true) ? oniguruma(GPT2) : null;
  return (piece) => {
    const adds = prefix && !piece.text.startsWith(' ');
    const text = adds ? ` ${piece.text}` : piece.text;
    const atStart = adds && piece.atStart ? null : piece.atStart;
    const words = pattern
      ? splitPiece({ text, atStart }, pattern, 'Isolated')
      : [{ text, atStart }];
    for (const word of words) word.text = bytesAsText(word.text);
    return words;
  };
}

function metaspace(options: Options): PreTokenizer {
  const mark = oneChar(options, 'replacement');
  let scheme = options.choice('prepend_scheme', ['always', 'first', 'never'], 'always');
  if (options.raw('add_prefix_space') === false) {
    if (scheme !== 'never' && options.json.prepend_scheme !== undefined)
      throw malformed(options.part, 'has an add_prefix_space that contradicts its prepend_scheme');
    scheme = 'never';
  }
  options.raw('str_rep');
  const splits = options.raw('split') ?? true;
  if (typeof splits !== 'boolean') throw malformed(options.part, 'has a split that is no boolean');
  const pattern = literalPattern(mark);
  const prepends = ({ atStart }: Piece): boolean => {
    if (scheme === 'first' && atStart === null)
      throw unsupported(
        `the prepend_scheme first in ${options.part}`,
        'its normalizer replaces the beginning of this text',
      );
    return scheme === 'always' || (scheme === 'first' && atStart === true);
  };
  return (piece) => {
    let text = piece.text.replaceAll(' ', mark);
    if (!text.startsWith(mark) && prepends(piece)) text = mark + text;
    const whole = { ...piece, text };
    return splits ? splitPiece(whole, pattern, 'MergedWithNext') : [whole];
  };
}

function oneChar(options: Options, name: string): string {
  const text = options.text(name);
  if ([...text].length !== 1) throw malformed(options.part, `has a ${name} of several characters`);
  return text;
}

function fixedLength(length: number, options: Options): PreTokenizer {
  if (length === 0) throw malformed(options.part, 'has the length 0');
  return ({ text, atStart }) => {
    const chars = [...text];
    const pieces: Piece[] = [];
    for (let from = 0; from < chars.length; from += length)
      pieces.push({
        text: chars.slice(from, from + length).join(''),
        atStart: from === 0 || atStart === null ? atStart : false,
      });
    return pieces;
  };
}
