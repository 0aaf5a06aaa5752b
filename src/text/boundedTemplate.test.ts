// Chat templates that would not end, and the globals that those which do end rely on.

import { describe, expect, it } from 'vitest';
import { boundedTemplate, MAX_STEPS, MAX_TEMPLATE_CHARS } from './boundedTemplate.ts';
import { loadChat } from './chat.ts';
import { MAX_RANGE } from './jinja/globals.ts';

const render = (source: string): string => boundedTemplate(source)({});
const loop = (n: number, body: string): string =>
  `{% for i in range(10000) %}`.repeat(n) + body + '{% endfor %}'.repeat(n);

describe('chat templates', () => {
  it.each([
    ['nested loops', loop(3, 'x')],
    ['empty nested loops', loop(3, '')],
    [
      'loops over a literal',
      `{% set a = [${'1,'.repeat(2000)}1] %}{% for i in a %}{% for j in a %}{% for k in a ` +
        '%}{% endfor %}{% endfor %}{% endfor %}',
    ],
    [
      'a text that doubles',
      `{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s ` +
        '%}{% endfor %}{{ ns.s }}',
    ],
    ['a long range', `{{ range(${MAX_RANGE + 1}) }}`],
    ['a range without end', '{{ range(0, 5, 0) }}'],
    ['a macro that calls itself', '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}'],
    ['a long template', 'x'.repeat(MAX_TEMPLATE_CHARS + 1)],
  ])('%s end in a coded error', (_, source) => {
    const start = performance.now();
    const attempt = (): unknown =>
      loadChat(null, source)?.render([{ role: 'user', content: 'x' }], {
        addGenerationPrompt: true,
      });
    expect(attempt).toThrow(
      expect.objectContaining({ code: 'tokenizer', hint: 'Use a raw prompt instead.' }),
    );
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  it('find the globals of the reference', () => {
    expect(
      render(
        '{{ range(3) | join(",") }} {{ range(5, 0, -2) | join(",") }} {{ range(2, 2) | length }}',
      ),
    ).toBe('0,1,2 5,3,1 0');
    expect(
      render('{{ none is none }} {{ None is none }} {{ True and true }} {{ False or false }}'),
    ).toBe('True True True False');
    expect(render("{{ strftime_now('%Y-%m-%d %H:%M:%S %b %B %%') }}")).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z][a-z]{2} [A-Z][a-z]+ %$/,
    );
    expect(() => render("{{ raise_exception('roles must alternate') }}")).toThrow(
      'roles must alternate',
    );
  });

  it('name the bound', () => {
    expect(() => render(loop(2, 'x'))).toThrow(`it does not end within ${MAX_STEPS} steps`);
  });

  it('may be long conversations', () => {
    const template = boundedTemplate(
      "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content | trim }}\n{% endfor %}",
    );
    const messages = Array.from({ length: 500 }, () => ({
      role: 'user',
      content: 'a sentence of some words '.repeat(20),
    }));
    expect(template({ messages }).length).toBeGreaterThan(200_000);
  });
});
