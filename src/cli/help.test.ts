// The help, the dispatch by the table of commands, and the command lines that documents show.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { espalierLine } from '../model/interop/formats.ts';
import { COMMANDS } from './commands.ts';
import { PROGRAM } from './help.ts';
import { run } from './run.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

let out = '';
let err = '';
beforeEach(() => {
  out = '';
  err = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

/** Words of a command line as a shell splits them; a placeholder such as <dir> is one word. */
function shellWords(line: string): string[] {
  const words = line.replace(/<[^>]*>/g, 'x').match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) => word.replace(/["']/g, ''));
}

function checkLine(line: string): void {
  const [name = '', ...words] = shellWords(line);
  if (name === 'help') return;
  const command = COMMANDS[name];
  if (!command) throw new Error(`There is no command "${name}".`);
  command.check(words);
}

describe('help', () => {
  test.each([[['help']], [['--help']], [['-h']]])('%j lists every command', async (words) => {
    expect(await run(words)).toBe(0);
    for (const [name, { summary }] of Object.entries(COMMANDS))
      expect(out).toMatch(new RegExp(`^  ${name} +${summary.slice(0, 20)}`, 'm'));
    expect(err).toBe('');
  });

  test.each(Object.keys(COMMANDS))('of %s has its options and fits 100 columns', async (name) => {
    expect(await run(['help', name])).toBe(0);
    const asked = out;
    out = '';
    expect(await run([name, 'a', '--nonsense', '--help'])).toBe(0);
    expect(out).toBe(asked);
    for (const option of Object.keys(COMMANDS[name]?.options ?? {}))
      expect(out).toMatch(new RegExp(`^  --${option}\\b`, 'm'));
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });

  test.each(Object.keys(COMMANDS))('examples of %s are lines that it takes', (name) => {
    const { examples = [] } = COMMANDS[name] ?? {};
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) checkLine(`${name} ${example}`);
  });

  test.each(Object.keys(COMMANDS))('defaults of %s are values that its options take', (name) => {
    for (const [option, spec] of Object.entries(COMMANDS[name]?.options ?? {})) {
      if (spec.type === 'choice' && spec.default) expect(spec.choices).toContain(spec.default);
      if (spec.type === 'whole' && spec.default !== undefined)
        expect(spec.default, option).toBeGreaterThanOrEqual(spec.min);
    }
  });
});

describe('dispatch', () => {
  test('no command is wrong usage, with the help', async () => {
    expect(await run([])).toBe(2);
    expect(err).toContain('Name a command.');
    expect(err).toContain('Commands:');
  });

  test.each([
    [['scroe', 'a'], 'There is no command "scroe". Did you mean score? The commands are inspect,'],
    [['constructor'], 'There is no command "constructor". The commands are'],
    [['help', 'nothing'], 'There is no command "nothing".'],
    [['inspect'], `Name the model folder. (${PROGRAM} help inspect)`],
    [['prune', 'a', '--outt', 'b'], 'There is no option --outt. Did you mean --out?'],
  ])('%j is wrong usage on one line', async (words, message) => {
    expect(await run(words)).toBe(2);
    expect(err).toContain(message);
    expect(err.trimEnd()).not.toContain('\n');
    expect(out).toBe('');
  });

  test('what fails has exit code 1, a sentence and what to do next', async () => {
    expect(await run(['inspect', 'no/such/folder'])).toBe(1);
    expect(err).toBe(
      'There is no file or folder no/such/folder. Name the folder of a model, or a GGUF or safetensors file.\n',
    );
  });
});

describe('documents show command lines that exist', () => {
  const files = [
    'README.md',
    ...['docs', 'tools'].flatMap((folder) =>
      readdirSync(join(ROOT, folder))
        .filter((name) => name.endsWith('.md'))
        .map((name) => `${folder}/${name}`),
    ),
  ];
  const shown = files.flatMap((file) =>
    [...readFileSync(join(ROOT, file), 'utf8').matchAll(/npm run -s espalier -- ([^`\n]+)/g)].map(
      (match): [string, string] => [file, match[1] ?? ''],
    ),
  );

  test('README shows every command', () => {
    const names = shown
      .filter(([file]) => file === 'README.md')
      .map(([, line]) => line.split(' ')[0]);
    expect(names).toEqual(expect.arrayContaining(Object.keys(COMMANDS)));
  });

  test.each(shown)('%s: %s', (_, line) => checkLine(line));

  test('and so does the line that an export names', () => {
    const line = espalierLine('my model', 'onnx/model.onnx', [3, '7.attn'], 'my model-pruned');
    checkLine(line.slice(PROGRAM.length));
    checkLine(espalierLine('a', 'model.onnx', [], 'b').slice(PROGRAM.length));
  });
});
