// What a tokenizer does to the text before it looks for words.

import { bytesAsText } from './bytes.ts';
import { Options, unsupported } from './options.ts';
import { readPattern } from './pattern.ts';
import { isSpace, type Piece, spans } from './pieces.ts';
import { readCharsMap } from './precompiled.ts';

/** Changes the text of a piece; the piece no longer begins the text when its beginning goes. */
export type Normalizer = (piece: Piece) => Piece;

/**
 * The normalizer of tokenizer.json.
 * @throws EspalierError `tokenizer`, naming what is not supported
 * @source Hugging Face Tokenizers, normalizers
 */
export function readNormalizer(value: unknown): Normalizer {
  const options = new Options(value, 'normalizer');
  const normalizer = make(options);
  options.end();
  return normalizer;
}

function make(options: Options): Normalizer {
  switch (options.type) {
    case 'Sequence': {
      const all = options.list('normalizers').map(readNormalizer);
      return (piece) => all.reduce((done, normalizer) => normalizer(done), piece);
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD': {
      const form = options.type;
      return mapped((text) => text.normalize(form));
    }
    case 'Lowercase':
      return mapped(lowercase);
    case 'StripAccents':
      return removed(/\p{M}/gu);
    case 'Strip': {
      const left = options.bool('strip_left') ? removed(/^\p{White_Space}+/gu) : same;
      const right = options.bool('strip_right');
      return (piece) => {
        const { text, atStart } = left(piece);
        return { text: right ? text.slice(0, endOf(text)) : text, atStart };
      };
    }
    case 'Prepend': {
      const prefix = options.text('prepend');
      return ({ text, atStart }) =>
        text === '' ? { text, atStart } : { text: prefix + text, atStart: atStart ? null : false };
    }
    case 'Replace': {
      const pattern = readPattern(options);
      return replaced(pattern, options.text('content'), options.part);
    }
    case 'Nmt':
      return nmt;
    case 'BertNormalizer':
      return bert(options);
    case 'ByteLevel':
      return mapped(bytesAsText);
    case 'Precompiled': {
      const map = readCharsMap(options.text('precompiled_charsmap'));
      return (piece) => {
        const { text, first } = map(piece.text);
        const atStart = first === 'gone' ? false : null;
        return { text, atStart: first === 'same' || !piece.atStart ? piece.atStart : atStart };
      };
    }
    default:
      throw unsupported(options.part, 'there is no such normalizer here');
  }
}

const same: Normalizer = (piece) => piece;

const mapped =
  (map: (text: string) => string): Normalizer =>
  ({ text, atStart }) => ({ text: map(text), atStart });

/** Without the matches of a pattern. */
const removed = (pattern: RegExp): Normalizer => replaced(pattern, '');

/** @throws EspalierError `tokenizer` for an empty match: where the content goes is not known */
function replaced(pattern: RegExp, content: string, part = ''): Normalizer {
  return ({ text, atStart }) => {
    let out = '';
    let first = atStart;
    for (const [from, to, match] of spans(text, pattern, false)) {
      if (from === to)
        throw unsupported(`the pattern of ${part}`, 'it matches where there is no character');
      out += match ? content : text.slice(from, to);
      if (!match || from > 0 || !first) continue;
      if (content === '') first = false;
      else if ([...text.slice(from, to)].length !== [...content].length) first = null;
    }
    return { text: out, atStart: first };
  };
}

/** The length of a text without white space at its end. */
function endOf(text: string): number {
  let end = text.length;
  while (end > 0 && isSpace(text[end - 1]!)) end--;
  return end;
}

/** Character by character, so that a final sigma has no form of its own. */
function lowercase(text: string): string {
  if (!text.includes('Σ')) return text.toLowerCase();
  return text
    .split('Σ')
    .map((part) => part.toLowerCase())
    .join('σ');
}

const NMT_REMOVED = removed(
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what the rules name
  /[\u0001-\u0008\u000b\u000e-\u001f\u007f\u008f\u009f]/gu,
);

function nmt(piece: Piece): Piece {
  const { text, atStart } = NMT_REMOVED(piece);
  return {
    text: text.replace(/[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/gu, ' '),
    atStart,
  };
}

/**
 * The ranges that BERT puts spaces around.
 * @source Hugging Face Tokenizers, BertNormalizer (one range begins at U+2B920)
 */
const CHINESE = new RegExp(
  '[\\u4e00-\\u9fff\\u3400-\\u4dbf\\u{20000}-\\u{2a6df}\\u{2a700}-\\u{2b73f}' +
    '\\u{2b740}-\\u{2b81f}\\u{2b920}-\\u{2ceaf}\\uf900-\\ufaff\\u{2f800}-\\u{2fa1f}]',
  'gu',
);

function bert(options: Options): Normalizer {
  const steps: Normalizer[] = [];
  if (options.bool('clean_text')) {
    steps.push(removed(/(?![\t\n\r])[\ufffd\p{Cc}\p{Cf}\p{Co}]/gu));
    steps.push(mapped((text) => text.replace(/\p{White_Space}/gu, ' ')));
  }
  if (options.bool('handle_chinese_chars'))
    steps.push(({ text, atStart }) => ({
      text: text.replace(CHINESE, ' $& '),
      atStart: atStart && text.search(CHINESE) === 0 ? null : atStart,
    }));
  const lower = options.bool('lowercase');
  const strips = options.raw('strip_accents') ?? lower;
  if (typeof strips !== 'boolean')
    throw unsupported(`strip_accents in ${options.part}`, 'it is neither true, false nor null');
  if (strips) {
    steps.push(mapped((text) => text.normalize('NFD')));
    steps.push(removed(/\p{Mn}/gu));
  }
  if (lower) steps.push(mapped(lowercase));
  return (piece) => steps.reduce((done, step) => step(done), piece);
}
