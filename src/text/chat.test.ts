// Chat templates against Python transformers' apply_chat_template (tools/make_chat.py), and what a
// user sees of a template that fails.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EspalierError } from '../errors.ts';
import { fixturePath, golden, samplePath } from '../testing/fixtures.ts';
import { type ChatMessage, loadChat } from './chat.ts';
import { loadTokenizer } from './tokenizer.ts';

interface ChatGolden {
  cases: {
    folder: string;
    title: string;
    messages: ChatMessage[];
    addGenerationPrompt: boolean;
    text?: string;
    ids?: number[];
    error?: string;
  }[];
}

function read(folder: string, name: string): string | null {
  const path = `${folder}/${name}`;
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}

function load(name: string) {
  const folder = fixturePath(name);
  const config = read(folder, 'tokenizer_config.json');
  return {
    chat: loadChat(config, read(folder, 'chat_template.jinja')),
    tokenizer: loadTokenizer(read(folder, 'tokenizer.json'), config),
  };
}

const { cases } = golden<ChatGolden>('chat');
const hello: ChatMessage[] = [{ role: 'user', content: 'Hello' }];
const ask = { addGenerationPrompt: true };
const config = (value: unknown): string => JSON.stringify(value);

describe('chat templates', () => {
  for (const name of ['optimum-llama-chat', 'optimum-llama-chat-file'])
    it(`gives the texts and ids of Python transformers: ${name}`, () => {
      const { chat, tokenizer } = load(name);
      const own = cases.filter((c) => c.folder === name);
      expect(own.length).toBe(12);
      for (const { messages, addGenerationPrompt, text, ids, error } of own) {
        const render = () => chat?.render(messages, { addGenerationPrompt });
        if (error !== undefined) expect(render).toThrow(error.replace(/\.$/, ''));
        else {
          expect(render()).toBe(text);
          expect(tokenizer.encode(text ?? '')).toEqual(ids);
        }
      }
    });

  it('covers a default system text, a refusal and special tokens', () => {
    expect(
      cases.some(
        (c) => c.text?.includes('You are a gardener') && !config(c.messages).includes('gardener'),
      ),
    ).toBe(true);
    expect(cases.some((c) => c.error?.includes('Turns must go user'))).toBe(true);
    expect(cases.every((c) => c.error !== undefined || c.ids?.[0] === 1)).toBe(true);
  });

  it('is null for a folder without one', () => {
    const sample = read(samplePath(), 'tokenizer_config.json');
    for (const [json, file] of [
      [null, null],
      [sample, null],
      [config({ chat_template: null }), null],
    ] as const)
      expect(loadChat(json, file)).toBeNull();
  });

  it('takes the default of several, the only one of one, and the file before all', () => {
    const named = (...names: string[]) =>
      config({ chat_template: names.map((name) => ({ name, template: `${name}!` })) });
    expect(loadChat(named('rag', 'default'), null)?.render(hello, ask)).toBe('default!');
    expect(loadChat(named('rag'), null)?.render(hello, ask)).toBe('rag!');
    expect(loadChat(named('rag', 'default'), 'file!')?.render(hello, ask)).toBe('file!');
    expect(loadChat(null, '{{ messages[0].content }}')?.render(hello, ask)).toBe('Hello');
    expect(() => loadChat(named('rag', 'tools'), null)).toThrow(
      /"rag", "tools".*none named "default"/,
    );
    expect(() => loadChat(config({ chat_template: 3 }), null)).toThrow(
      /neither a string nor a list/,
    );
  });

  it('passes special tokens as texts, and those that are missing as nothing', () => {
    const json = config({
      bos_token: { content: '<s>' },
      eos_token: '</s>',
      unk_token: null,
      add_bos_token: true,
    });
    expect(
      loadChat(json, '{{ bos_token }}|{{ eos_token }}|{{ unk_token }}|{{ add_bos_token }}')?.render(
        hello,
        ask,
      ),
    ).toBe('<s>|</s>||');
  });

  it('shows the words of a template that is broken or refuses', () => {
    const code = (run: () => unknown): EspalierError => {
      try {
        run();
      } catch (error) {
        if (error instanceof EspalierError) return error;
      }
      throw new Error('no EspalierError');
    };
    const broken = code(() =>
      loadChat(config({ chat_template: '{% for m in messages %}{{ m.content }}' }), null),
    );
    expect([broken.code, broken.message]).toEqual([
      'tokenizer',
      expect.stringMatching(/^The chat template of the model cannot be read: \S/),
    ]);
    const refused = code(() =>
      loadChat(null, "{{ raise_exception('System text is not known here!') }}")?.render(hello, ask),
    );
    expect(refused.code).toBe('tokenizer');
    expect(refused.message).toContain('System text is not known here');
    expect(code(() => loadChat('{', null)).message).toBe(
      'tokenizer_config.json is not valid JSON.',
    );
  });
});

describe('raw prompts', () => {
  it('begin with the token that the tokenizer adds by itself, and only then', () => {
    const json = read(fixturePath('optimum-llama-fp32'), 'tokenizer.json');
    const plain = loadTokenizer(json, config({ bos_token: '<bos>' }));
    const adding = loadTokenizer(json, config({ bos_token: '<bos>', add_bos_token: true }));
    expect(plain.encodePrompt('ab')).toEqual(plain.encode('ab'));
    expect(adding.encodePrompt('ab')).toEqual([1, ...plain.encode('ab')]);
    expect(adding.encode('ab')).toEqual(plain.encode('ab'));
  });
});
