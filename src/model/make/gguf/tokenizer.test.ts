// Tokenizers of GGUF metadata against llama.cpp's ids (tools/make_gguf_tokenizers.py), and what is
// refused.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diskFolder } from '../../../onnx/testing/diskFolder.ts';
import type { GgufMetadata, GgufValue } from '../../../tensors/gguf/metadata.ts';
import { readGguf } from '../../../tensors/gguf/read.ts';
import { calibrationText, fixturePath } from '../../../testing/fixtures.ts';
import { loadChat } from '../../../text/chat.ts';
import { loadTokenizer } from '../../../text/tokenizer.ts';
import { ggufTokenizer } from './tokenizer.ts';

type Plain = Record<string, string | number | boolean | string[] | number[]>;
const golden = JSON.parse(
  readFileSync(new URL('testing/tokenizers.json', import.meta.url), 'utf8'),
) as { texts: string[]; bpe: Plain; spm: Plain; ids: Record<string, number[][]> };

function metadataOf(values: Plain): GgufMetadata {
  const entries = Object.entries(values).map(([key, value]): [string, GgufValue] => {
    if (Array.isArray(value)) {
      const of = typeof value[0] === 'string' ? 'string' : 'float32';
      return [key, { type: 'array', of, value }];
    }
    if (typeof value === 'boolean') return [key, { type: 'bool', value }];
    return [key, { type: typeof value === 'string' ? 'string' : 'uint32', value }];
  });
  return new Map(entries);
}

const opened = (values: Plain): ReturnType<typeof loadTokenizer> => {
  const files = ggufTokenizer(metadataOf(values));
  return loadTokenizer(files['tokenizer.json']!, files['tokenizer_config.json']!);
};

/**
 * Texts with marks that combine, where llama.cpp's patterns are not those of the models, or where
 * the models compose them first, which llama.cpp leaves out.
 */
const COMBINING = /\p{M}/u;
const COMBINES = ['gpt-4o', 'tekken', 'qwen2'];

describe('byte-level BPE', () => {
  const names = Object.keys(golden.ids).filter((name) => name.startsWith('bpe-'));

  it.each(names)('%s has the ids of llama.cpp', (name) => {
    const pre = name.slice('bpe-'.length);
    const tokenizer = opened({ ...golden.bpe, 'tokenizer.ggml.pre': pre });
    for (const [k, text] of golden.texts.entries()) {
      const ids = tokenizer.encode(text);
      if (!COMBINES.includes(pre) || !COMBINING.test(text))
        expect(ids, text).toEqual(golden.ids[name]![k]);
      if (!/<|Ui|\p{M}/u.test(text)) expect(tokenizer.decode(ids)).toBe(text);
    }
    expect(tokenizer.addsBos).toBe(['llama-bpe', 'tekken'].includes(pre));
  });

  it.each(['vendor-9', 'default', null])('that splits as %s is refused by name', (pre) => {
    const { 'tokenizer.ggml.pre': _, ...rest } = golden.bpe;
    const values = pre === null ? rest : { ...rest, 'tokenizer.ggml.pre': pre };
    expect(() => ggufTokenizer(metadataOf(values))).toThrow(
      pre === 'vendor-9' ? '"vendor-9"' : 'does not say how it splits',
    );
  });

  it('keeps tokens that are no names of members, and names one that is empty', () => {
    const tokens = ['<unk>', '10', '9', '__proto__', '', 'a'];
    const { encode, decode } = opened({
      'tokenizer.ggml.model': 'gpt2',
      'tokenizer.ggml.pre': 'gpt-2',
      'tokenizer.ggml.tokens': tokens,
      'tokenizer.ggml.token_type': [2, 1, 1, 4, 1, 1],
      'tokenizer.ggml.merges': [],
    });
    expect(encode('a__proto__9')).toEqual([5, 3, 2]);
    expect(decode([1, 3, 4])).toBe('10__proto__[EMPTY_4]');
  });
});

it('of a fixture has the ids of its own tokenizer.json', async () => {
  const folder = diskFolder(fixturePath('gguf-qwen3-q8_0'));
  const { metadata } = await readGguf(folder, folder.files[0]!.path);
  const made = ggufTokenizer(metadata);
  const beside = (file: string): string =>
    readFileSync(fixturePath(`hf-qwen3-fp32/${file}`), 'utf8');
  const own = loadTokenizer(beside('tokenizer.json'), beside('tokenizer_config.json'));
  const found = loadTokenizer(made['tokenizer.json']!, made['tokenizer_config.json']!);
  for (const text of [calibrationText().slice(0, 5000), ...golden.texts])
    expect(found.encode(text)).toEqual(own.encode(text));
  expect([found.addsBos, found.bosId]).toEqual([own.addsBos, own.bosId]);
});

describe('pieces of SentencePiece', () => {
  it.each(['spm-prefix', 'spm-plain'])('%s have the ids of llama.cpp', (name) => {
    const plain = {
      'tokenizer.ggml.add_space_prefix': false,
      'tokenizer.ggml.add_bos_token': false,
    };
    const prefix = name === 'spm-prefix';
    const tokenizer = opened({ ...golden.spm, ...(prefix ? {} : plain) });
    for (const [k, text] of golden.texts.entries()) {
      const ids = tokenizer.encode(text);
      expect(ids, text).toEqual(golden.ids[name]![k]);
      if (!/[<\n]/.test(text)) expect(tokenizer.decode(ids)).toBe(text);
    }
    expect([tokenizer.addsBos, tokenizer.bosId, tokenizer.unknownId]).toEqual([prefix, 1, 0]);
  });

  it('are no longer than real ones', () => {
    const [unknown, ...rest] = golden.spm['tokenizer.ggml.tokens'] as string[];
    const tokens = [unknown!, ...rest.slice(1), 'x'.repeat(2000)];
    const values = metadataOf({ ...golden.spm, 'tokenizer.ggml.tokens': tokens });
    expect(() => ggufTokenizer(values)).toThrow('2000 characters');
  });

  it('without scores are refused', () => {
    const { 'tokenizer.ggml.scores': _, ...rest } = golden.spm;
    expect(() => ggufTokenizer(metadataOf(rest))).toThrow('no scores');
  });
});

describe('the files', () => {
  const template = (name: string) => `${name} {{ messages[0].content }}`;
  const rendered = (more: Plain): string => {
    const files = ggufTokenizer(metadataOf({ ...golden.bpe, ...gpt2, ...more }));
    const chat = loadChat(files['tokenizer_config.json']!, null)!;
    const messages = [{ role: 'user', content: 'hi' } as const];
    return chat.render(messages, { addGenerationPrompt: false });
  };
  const gpt2 = { 'tokenizer.ggml.pre': 'gpt-2' };

  it('hold the chat templates of the file', () => {
    expect(rendered({ 'tokenizer.chat_template': template('one') })).toBe('one hi');
    const named = { 'tokenizer.chat_template.tool_use': template('tools') };
    expect(rendered({ ...named, 'tokenizer.chat_template': template('first') })).toBe('first hi');
  });

  it('say which tokens begin and end a text', () => {
    const values = { ...golden.bpe, ...gpt2, 'tokenizer.ggml.add_bos_token': true };
    const tokenizer = opened({ ...values, 'tokenizer.ggml.add_eos_token': true });
    expect(tokenizer.addsBos).toBe(true);
    expect(tokenizer.encodePrompt('x').slice(0, 1)).toEqual([1]);
    const files = ggufTokenizer(metadataOf({ ...values, 'tokenizer.ggml.bos_token_id': 99_999 }));
    const config = JSON.parse(files['tokenizer_config.json']!) as Record<string, unknown>;
    expect(config).toMatchObject({ eos_token: '</s>', unk_token: '<unk>', add_bos_token: false });
    expect(config).not.toHaveProperty('bos_token');
  });

  it('let special tokens of Phi-3 take the spaces after them', () => {
    const phi = { ...golden.spm, 'general.name': 'Phi 3 mini', 'tokenizer.ggml.pre': 'default' };
    const { encode } = opened({ ...phi, 'general.name': 'Phi-3 mini' });
    expect(encode('<|end|>\n\n').length).toBe(1);
    expect(opened(phi).encode('<|end|>\n\n').length).toBeGreaterThan(1);
  });

  it.each<[string, Plain, RegExp]>([
    ['another kind', { 'tokenizer.ggml.model': 't5' }, /"t5", is not known/],
    ['a token twice', { 'tokenizer.ggml.tokens': ['a', 'b', 'a'] }, /"a" twice/],
    ['too few types', { 'tokenizer.ggml.token_type': [1] }, /token_type has 1 entries/],
    ['a merge that is no pair', { 'tokenizer.ggml.merges': ['ab'] }, /merge 1, "ab", is no pair/],
  ])('are refused for %s', (_, change, words) => {
    const values = metadataOf({ ...golden.bpe, ...gpt2, ...change });
    expect(() => ggufTokenizer(values)).toThrow(words);
  });

  it('are made of any metadata, or refused in words', () => {
    const list = fc.array(fc.oneof(fc.string(), fc.integer(), fc.boolean()), { maxLength: 6 });
    const anything = fc.oneof(list, fc.string(), fc.integer(), fc.boolean());
    const keys = [
      'tokens',
      'token_type',
      'scores',
      'merges',
      'bos_token_id',
      'eos_token_id',
      'pre',
    ];
    const named = fc.dictionary(fc.constantFrom(...keys), anything);
    fc.assert(
      fc.property(fc.constantFrom('gpt2', 'llama'), named, (kind, members) => {
        const values: Plain = { 'tokenizer.ggml.pre': 'gpt-2', 'tokenizer.ggml.model': kind };
        for (const [key, value] of Object.entries(members))
          values[`tokenizer.ggml.${key}`] = value as string[];
        try {
          const files = ggufTokenizer(metadataOf(values));
          loadTokenizer(files['tokenizer.json']!, files['tokenizer_config.json']!).encode('a b');
        } catch (error) {
          expect(error).toMatchObject({ code: 'tokenizer' });
        }
      }),
    );
  });

  it('are refused without a kind, tokens or merges', () => {
    for (const missing of ['model', 'tokens', 'merges']) {
      const all = Object.entries({ ...golden.bpe, ...gpt2 });
      const values = Object.fromEntries(all.filter(([key]) => !key.endsWith(`.${missing}`)));
      expect(() => ggufTokenizer(metadataOf(values))).toThrow(missing);
    }
  });
});
