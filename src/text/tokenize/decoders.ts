// How tokens become text again.

import { textAsBytes } from './bytes.ts';
import { Options, unsupported } from './options.ts';
import { readPattern } from './pattern.ts';
import { spans } from './pieces.ts';

/** Turns the tokens of a text into stretches of it. */
export type Decoder = (tokens: string[]) => string[];

const lossy = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * The decoder of tokenizer.json.
 * @throws EspalierError `tokenizer`, naming what is not supported
 * @source Hugging Face Tokenizers, decoders
 */
export function readDecoder(value: unknown): Decoder {
  const options = new Options(value, 'decoder');
  const decoder = make(options);
  options.end();
  return decoder;
}

function make(options: Options): Decoder {
  switch (options.type) {
    case 'Sequence': {
      const all = options.list('decoders').map(readDecoder);
      return (tokens) => all.reduce((done, decoder) => decoder(done), tokens);
    }
    case 'ByteLevel':
      for (const name of ['add_prefix_space', 'trim_offsets', 'use_regex']) options.raw(name);
      return (tokens) => [
        lossy.decode(
          Uint8Array.from(
            tokens.flatMap((token) => textAsBytes(token) ?? [...encoder.encode(token)]),
          ),
        ),
      ];
    case 'Metaspace': {
      const mark = options.text('replacement');
      options.raw('str_rep');
      options.raw('split');
      const scheme = options.choice('prepend_scheme', ['always', 'first', 'never'], 'always');
      const drops = scheme !== 'never' && options.raw('add_prefix_space') !== false;
      return (tokens) =>
        tokens.map((token, k) => token.replaceAll(mark, k === 0 && drops ? '' : ' '));
    }
    case 'WordPiece': {
      const prefix = options.text('prefix');
      const clean = options.bool('cleanup') ? cleanUp : (text: string) => text;
      return (tokens) =>
        tokens.map((token, k) => {
          if (k === 0) return clean(token);
          return clean(token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`);
        });
    }
    case 'BPEDecoder': {
      const suffix = options.text('suffix');
      return (tokens) =>
        tokens.map((token, k) => token.replaceAll(suffix, k === tokens.length - 1 ? '' : ' '));
    }
    case 'ByteFallback':
      return byteFallback;
    case 'Fuse':
      return (tokens) => [tokens.join('')];
    case 'Strip':
      return strip(options.text('content'), options.count('start'), options.count('stop'));
    case 'Replace': {
      const pattern = readPattern(options);
      const content = options.text('content');
      return (tokens) =>
        tokens.map((token) =>
          spans(token, pattern, false)
            .map(([from, to, match]) => (match ? content : token.slice(from, to)))
            .join(''),
        );
    }
    case 'CTC': {
      const pad = options.text('pad_token');
      const space = options.text('word_delimiter_token');
      const cleans = options.bool('cleanup');
      return (tokens) =>
        tokens
          .filter((token, k) => k === 0 || token !== tokens[k - 1])
          .map((token) => {
            const text = token.replaceAll(pad, '');
            return cleans ? cleanUp(text).replaceAll(space, ' ') : text;
          })
          .filter((text) => text !== '');
    }
    default:
      throw unsupported(options.part, 'there is no such decoder here');
  }
}

/** Spaces before punctuation and abbreviations go, as the WordPiece decoder has it. */
function cleanUp(text: string): string {
  return text
    .replaceAll(/ ([.?!,])/g, '$1')
    .replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't")
    .replaceAll(" 'm", "'m")
    .replaceAll(' do not', " don't")
    .replaceAll(/ ('s|'ve|'re)/g, '$1');
}

/**
 * Runs of tokens such as `<0x0A>` become the text of their bytes, with U+FFFD for those that are no
 * UTF-8. (The reference then gives up the whole run, also the characters in it that are whole.)
 */
function byteFallback(tokens: string[]): string[] {
  const out: string[] = [];
  let bytes: number[] = [];
  const flush = (): void => {
    if (bytes.length === 0) return;
    out.push(lossy.decode(Uint8Array.from(bytes)));
    bytes = [];
  };
  for (const token of tokens) {
    const [, hex] = /^<0x([0-9a-f]{2})>$/i.exec(token) ?? [];
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else {
      flush();
      out.push(token);
    }
  }
  flush();
  return out;
}

/** At most `start` times `content` from the beginning and `stop` times from the end of a token. */
function strip(content: string, start: number, stop: number): Decoder {
  return (tokens) =>
    tokens.map((token) => {
      const chars = [...token];
      let from = 0;
      while (from < Math.min(start, chars.length) && chars[from] === content) from++;
      let to = chars.length;
      while (chars.length - to < stop && to > from && chars[to - 1] === content) to--;
      return chars.slice(from, to).join('');
    });
}
