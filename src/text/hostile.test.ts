// Hostile tokenizers: whatever tokenizer.json and tokenizer_config.json hold, loading, encoding,
// decoding and chat end in success or a coded error.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { judge } from '../onnx/testing/hostile.ts';
import { editedJson, jsonRecipe } from '../onnx/testing/hostileJson.ts';
import { samplePath } from '../testing/fixtures.ts';
import { loadChat } from './chat.ts';
import { MAX_PATTERN_CHARS, requireSafePatterns } from './patterns.ts';
import { loadTokenizer } from './tokenizer.ts';

const SEED = 20_261_122;
const cases = (numRuns: number): fc.Parameters<unknown> => ({ seed: SEED, numRuns });
const json = (path: string): Record<string, unknown> => JSON.parse(readFileSync(path, 'utf8'));

const TEXT =
  'Hello constructor __proto__ toString, <b>12</b> ä🙂 ' +
  'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\n\nNew line';
const sample = json(`${samplePath()}/tokenizer.json`);
const sampleConfig = json(`${samplePath()}/tokenizer_config.json`);
const letters = Object.fromEntries([...'abcdefghijklmnopqrstuvwxyzĠ▁'].map((c, k) => [c, k]));

const TOKENIZERS: unknown[] = [
  {
    ...sample,
    added_tokens: [],
    model: {
      ...(sample.model as object),
      vocab: { ...letters, ab: 28, he: 29 },
      merges: [
        ['a', 'b'],
        ['h', 'e'],
      ],
    },
  },
  {
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
        { type: 'Lowercase' },
        { type: 'Strip', strip_left: true, strip_right: true },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        {
          type: 'Split',
          pattern: { Regex: ' ?\\p{L}+|\\s+' },
          behavior: 'Isolated',
          invert: false,
        },
        { type: 'Digits', individual_digits: true },
        { type: 'Punctuation', behavior: 'Isolated' },
      ],
    },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '<s>': { id: '<s>', ids: [31], tokens: ['<s>'] } },
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
      ],
    },
    added_tokens: [
      { id: 31, content: '<s>', special: true },
      { id: 32, content: '<b>', lstrip: true, rstrip: true, single_word: false, normalized: true },
    ],
    model: {
      type: 'BPE',
      vocab: { ...letters, '<unk>': 28, ab: 29, he: 30 },
      merges: ['a b', 'h e'],
      unk_token: '<unk>',
      byte_fallback: true,
      fuse_unk: true,
    },
  },
  {
    normalizer: {
      type: 'BertNormalizer',
      lowercase: true,
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'BertProcessing', cls: ['[CLS]', 28], sep: ['[SEP]', 29] },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    added_tokens: [],
    model: {
      type: 'WordPiece',
      vocab: { ...letters, '[UNK]': 27, '[CLS]': 28, '[SEP]': 29, '##a': 40 },
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
    },
  },
  {
    normalizer: { type: 'Precompiled', precompiled_charsmap: 'BAAAAAAAAAA=' },
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    post_processor: null,
    decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' },
    added_tokens: [{ id: 0, content: '<unk>', special: true }],
    model: {
      type: 'Unigram',
      unk_id: 0,
      vocab: [
        ['<unk>', 0],
        ['▁', -1],
        ['a', -2],
        ['hello', -3.5],
        ['constructor', -4],
      ],
    },
  },
];
const CONFIGS: unknown[] = [
  sampleConfig,
  {
    bos_token: '<s>',
    add_bos_token: true,
    chat_template:
      "{{ bos_token }}{% for m in messages %}{{ m['role'] }}: {{ m['content'] | trim }}\n{% " +
      'endfor %}',
  },
  {
    bos_token: { content: '[CLS]' },
    chat_template: [{ name: 'default', template: '{{ messages[0].content }}' }],
    additional_special_tokens: ['<b>'],
  },
];

function use(tokenizerJson: string, configJson: string): void {
  const tokenizer = loadTokenizer(tokenizerJson, configJson);
  const ids = tokenizer.encode(TEXT);
  tokenizer.encodePrompt('constructor');
  expect(ids.every((id) => Number.isSafeInteger(id) && id >= 0)).toBe(true);
  expect(typeof tokenizer.decode([...ids.slice(0, 50), 0, 1, 7, 1e9])).toBe('string');
}

describe(`hostile tokenizers (seed ${SEED})`, () => {
  beforeAll(() => {
    // The library tells the console of patterns that it does not know.
    vi.spyOn(console, 'warn').mockImplementation(() => {});
  });

  it('start from ones that work', () => {
    for (const tokenizer of TOKENIZERS)
      for (const config of CONFIGS) use(JSON.stringify(tokenizer), JSON.stringify(config));
  });

  it('load and encode or are refused', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...TOKENIZERS),
        fc.constantFrom(...CONFIGS),
        jsonRecipe,
        fc.boolean(),
        async (tokenizer, config, recipe, both) => {
          await judge(() =>
            use(
              editedJson(tokenizer, recipe),
              both ? editedJson(config, recipe) : JSON.stringify(config),
            ),
          );
        },
      ),
      cases(3000),
    );
  });

  it('render a conversation or are refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...CONFIGS), jsonRecipe, async (config, recipe) => {
        await judge(() =>
          loadChat(editedJson(config, recipe), null)?.render(
            [{ role: 'user', content: '{{ x }}<b>' }],
            { addGenerationPrompt: true },
          ),
        );
      }),
      cases(2000),
    );
  });

  it('are refused for patterns that could run forever', () => {
    const split = (Regex: string): unknown => ({
      pretokenizers: [{ type: 'Split', pattern: { Regex } }],
    });
    expect(() => requireSafePatterns(split('a'.repeat(MAX_PATTERN_CHARS)))).not.toThrow();
    expect(() => requireSafePatterns(split('a'.repeat(MAX_PATTERN_CHARS + 1)))).toThrow(
      /longer than 10000 characters/,
    );
    expect(() => requireSafePatterns(split('(a+)+'))).toThrow(
      /"\(a\+\)\+" of tokenizer.json repeats a repetition/,
    );
  });
});
