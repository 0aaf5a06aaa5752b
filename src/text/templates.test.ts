// Chat templates against Jinja2 as Transformers sets it up (tools/make_templates.py): the same
// text, or refused by name.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { boundedTemplate } from './boundedTemplate.ts';
import { type ChatMessage, loadChat } from './chat.ts';

interface Table {
  /** The time of strftime_now(). */
  now: string;
  conversations: unknown[][];
  tools: unknown[];
  templates: Record<string, string>;
  /** `text` is null where Jinja2 fails. */
  rows: { name: string; conversation: number; tools: boolean; text: string | null }[];
}

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const table = JSON.parse(read('testing/templates.json')) as Table;

/** Templates that Jinja2 renders and this refuses, with what the message says. */
const REFUSED: Record<string, RegExp> = {
  'loop recursive': /a recursive loop, which is not supported here/,
  'text of a generator': /the text of a lazy/,
  escape: /the filter "escape"/,
  'private attribute': /__class__ is not safe/,
  'large numbers': /beyond 2\^53/,
};

function render(row: Table['rows'][number]): string | Error {
  try {
    const template = boundedTemplate(table.templates[row.name]!, () => new Date(table.now));
    return template({
      messages: table.conversations[row.conversation],
      tools: row.tools ? table.tools : null,
      documents: null,
      bos_token: '<s>',
      eos_token: '</s>',
      add_generation_prompt: row.conversation !== 1,
    });
  } catch (error) {
    return error as Error;
  }
}

describe('chat templates', () => {
  it('are many', () => {
    expect(Object.keys(table.templates).length).toBeGreaterThan(140);
    expect(table.rows.filter(({ text }) => text !== null).length).toBeGreaterThan(160);
  });

  it.each(table.rows.map((row) => [`${row.name} ${row.conversation} ${row.tools}`, row] as const))(
    '%s',
    (_, row) => {
      const found = render(row);
      const refusal = REFUSED[row.name];
      if (row.text !== null && !refusal) expect(found).toBe(row.text);
      else {
        expect(found).toBeInstanceOf(Error);
        expect((found as Error).message).toMatch(refusal ?? /\w{3}/);
        expect((found as Error).constructor.name).toBe('TemplateError');
      }
    },
  );
});

describe('chat templates of public reports', () => {
  it.each(['chat-generation-tag', 'chat-loop-controls', 'chat-template-json'])('%s', (name) => {
    const file = (path: string): string => read(`../testing/cases/${name}/${path}`);
    const { messages, right } = JSON.parse(file('expect.json')) as {
      messages: ChatMessage[];
      right: { add_generation_prompt: boolean; text: string };
    };
    const json = name === 'chat-template-json' ? file('chat_template.json') : null;
    const chat = loadChat(file('tokenizer_config.json'), null, {
      named: new Map(),
      json,
      processor: false,
    });
    const options = { addGenerationPrompt: right.add_generation_prompt };
    expect(chat?.render(messages, options)).toBe(right.text);
  });
});

describe('the files of chat templates', () => {
  const said = (
    config: unknown,
    jinja: string | null,
    named: Record<string, string>,
    json: unknown,
    processor = false,
  ): string | undefined =>
    loadChat(config === null ? null : JSON.stringify({ chat_template: config }), jinja, {
      named: new Map(Object.entries(named)),
      json: json === null ? null : JSON.stringify(json),
      processor,
    })?.render([{ role: 'user', content: '' }], { addGenerationPrompt: true });

  it('are taken in the order of Transformers', () => {
    const legacy = { chat_template: 'json' };
    expect(said('config', 'jinja', {}, legacy)).toBe('jinja');
    expect(said('config', null, {}, legacy)).toBe('config');
    expect(said(null, null, {}, legacy)).toBe('json');
    expect(said('config', 'jinja', { tool_use: 'named' }, null)).toBe('jinja');
    expect(said('config', null, { default: 'named', tool_use: 'other' }, null)).toBe('named');
    expect(said('config', 'jinja', {}, legacy, true)).toBe('json');
    expect(said('config', null, {}, null, true)).toBe('config');
    expect(said(null, null, {}, { chat_template: [{ name: 'default', template: 'd' }] })).toBe('d');
    expect(said(null, null, {}, {})).toBeUndefined();
  });

  it('are refused when none is the default', () => {
    expect(() => said('config', null, { rag: 'a', tool_use: 'b' }, null)).toThrow(
      /additional_chat_templates has the chat templates "rag", "tool_use", but none named/,
    );
    expect(() => loadChat(null, null, { named: new Map(), json: '[', processor: false })).toThrow(
      /chat_template.json is not valid JSON/,
    );
  });
});
