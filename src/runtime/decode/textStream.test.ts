// Streamed text is the text of all ids decoded at once, whatever the tokenizer and however a
// character is split over tokens.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fixturePath, samplePath } from '../../testing/fixtures.ts';
import { loadTokenizer, type Tokenizer } from '../../text/tokenizer.ts';
import { TextStream } from './textStream.ts';

const folder = (path: string): Tokenizer =>
  loadTokenizer(readFileSync(`${path}/tokenizer.json`, 'utf8'), null);

/**
 * A tokenizer in the manner of SentencePiece: "▁" for blanks, a few words, and bytes for everything
 * else.
 */
function pieces(decoder: unknown): Tokenizer {
  const words = ['▁', '▁a', 'a', '▁pear', 'pe', 'ar', '.', '▁tree', 'tree', 'é', '木'];
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  );
  const vocab = Object.fromEntries(
    ['<unk>', '<s>', '</s>', ...bytes, ...words].map((piece, id) => [piece, id]),
  );
  const special = (id: number, content: string) => ({ id, content, special: true });
  return loadTokenizer(
    JSON.stringify({
      added_tokens: [special(0, '<unk>'), special(1, '<s>'), special(2, '</s>')],
      decoder,
      model: {
        type: 'BPE',
        unk_token: '<unk>',
        byte_fallback: true,
        fuse_unk: true,
        vocab,
        merges: [],
      },
    }),
    null,
  );
}

const replace = { type: 'Replace', pattern: { String: '▁' }, content: ' ' };
const strip = { type: 'Strip', content: ' ', start: 1, stop: 0 };
const TOKENIZERS: Record<string, { tokenizer: Tokenizer; size: number }> = {
  'byte-level, the sample': { tokenizer: folder(samplePath()), size: 2048 },
  'byte-level, small': {
    tokenizer: folder(fixturePath('genai-qwen2-int4-webgpu-shared')),
    size: 384,
  },
  'pieces and bytes, first blank dropped': {
    tokenizer: pieces({
      type: 'Sequence',
      decoders: [replace, { type: 'ByteFallback' }, { type: 'Fuse' }, strip],
    }),
    size: 270,
  },
  'pieces, Metaspace': {
    tokenizer: pieces({ type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' }),
    size: 270,
  },
};

/** Text by the definition: everything decoded at once, the prompt's own text taken off. */
function atOnce(
  tokenizer: Tokenizer,
  prompt: readonly number[],
  ids: readonly number[],
  finished: boolean,
): string {
  const before = tokenizer.decode(prompt);
  const whole = tokenizer.decode([...prompt, ...ids]);
  const text = whole.startsWith(before) ? whole.slice(before.length) : tokenizer.decode(ids);
  return finished ? text : text.replace(/\uFFFD+$/, '');
}

/**
 * Streams `ids` in slices of the given lengths and holds every text and end against the definition.
 */
function check(
  tokenizer: Tokenizer,
  prompt: readonly number[],
  ids: readonly number[],
  slices: readonly number[],
): void {
  const stream = new TextStream(tokenizer, prompt);
  for (let at = 0, turn = 0; at < ids.length; turn++) {
    const next = Math.min(ids.length, at + (slices[turn % slices.length] ?? 1));
    const finished = next === ids.length;
    const { text, ends } = stream.push(ids.slice(at, next), finished);
    expect(text).toBe(atOnce(tokenizer, prompt, ids.slice(0, next), finished));
    const lengths = ids
      .slice(at, next)
      .map((_, k) =>
        Math.min(text.length, atOnce(tokenizer, prompt, ids.slice(0, at + k + 1), false).length),
      );
    expect(ends).toEqual(lengths);
    at = next;
  }
}

describe.each(Object.entries(TOKENIZERS))('%s', (_, { tokenizer, size }) => {
  test.each(['a pear. tree', 'so 😀!', '木の下で梨を', '👩‍🌾 a\n\n  tree é', ' a'])(
    'streams %j',
    (text) => {
      const ids = tokenizer.encode(text);
      expect(ids.length).toBeGreaterThan(0);
      for (const prompt of [tokenizer.encode('a pear'), tokenizer.encode('😀'), ids.slice(0, 1)]) {
        check(tokenizer, prompt, ids, [1]);
        check(tokenizer, prompt, ids, [3, 1, 2]);
      }
    },
  );

  test('streams any ids, as an untrained model gives them', () => {
    const id = fc.integer({ min: 0, max: size - 1 });
    fc.assert(
      fc.property(
        fc.array(id, { minLength: 1, maxLength: 6 }),
        fc.array(id, { minLength: 1, maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 }),
        (prompt, ids, slices) => check(tokenizer, prompt, ids, slices),
      ),
      { numRuns: 200 },
    );
  });
});

test('an incomplete character is held back, and shown at the end of the text', () => {
  const { tokenizer } = TOKENIZERS['byte-level, the sample']!;
  const [so = 0, ...rest] = tokenizer.encode('so 😀!');
  const stream = new TextStream(tokenizer, [so]);
  expect(
    rest.map((id) => stream.push([id], false).text).filter((text) => text.includes('\uFFFD')),
  ).toEqual([]);
  expect(new TextStream(tokenizer, [so]).push(rest.slice(0, 2), true).text).toContain('\uFFFD');
});

test('most tokens decode a short tail, not the prompt', () => {
  const { tokenizer } = TOKENIZERS['byte-level, the sample']!;
  const prompt = tokenizer.encode('It was a fine morning, and Anne walked out early. '.repeat(20));
  const decoded: number[] = [];
  const counting = {
    decode(ids: readonly number[]) {
      decoded.push(ids.length);
      return tokenizer.decode(ids);
    },
  };
  const ids = tokenizer.encode('She had not expected to meet him again so soon, but there he was.');
  new TextStream(counting, prompt).push(ids, true);
  // The prompt by itself, with the first token, and once for the check.
  expect(decoded.filter((count) => count >= prompt.length)).toHaveLength(3);
});
