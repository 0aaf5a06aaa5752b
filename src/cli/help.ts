// The help of the command line, laid out from the tables of commands and options; knows no command
// by name.

import type { Command } from './command.ts';
import type { Option, Options } from './options.ts';

/** How the command line is called: from the root of the repository, or as the kit says. */
export const PROGRAM = process.env.ESPALIER_PROGRAM || 'npm run -s espalier --';

const WIDTH = 100;

/** Of the whole command line. */
export function overview(commands: { readonly [name: string]: Command }, common: Options): string {
  return [
    'Prunes ONNX language models by depth.',
    '',
    `Usage: ${PROGRAM} <command> <folder> [options]`,
    `       ${PROGRAM} help <command>`,
    '',
    'Commands:',
    ...columns(Object.entries(commands).map(([name, { summary }]) => [name, summary])),
    '',
    'Options of most commands:',
    ...optionLines(common),
    '',
    'A unit is a block or one of its two sublayers, counted from 0: 7, 7.attn (attention), 7.ffn',
    '(feed-forward). Lists and ranges of them are a plan: 3,7.attn,9-11.',
    '',
    'Exit code: 0 success, 1 failure (one line on standard error), 2 wrong usage.',
    '',
  ].join('\n');
}

/** Of one command. */
export function commandHelp(name: string, command: Command): string {
  const { summary, about, argument, options, examples } = command;
  const required = Object.entries(options).flatMap(([option, spec]) =>
    'required' in spec ? [` ${written(option, spec)}`] : [],
  );
  const usage = `${PROGRAM} ${name} <${argument.value}>${required.join('')} [options]`;
  return [
    `${name}: ${summary}`,
    '',
    `Usage: ${usage}`,
    '',
    ...(about === undefined ? [] : [...wrap(about.split(' '), WIDTH), '']),
    'Options:',
    ...optionLines(options),
    '',
    examples.length === 1 ? 'Example:' : 'Examples:',
    ...examples.flatMap((example) => exampleLines(`${PROGRAM} ${name} ${example}`)),
    '',
  ].join('\n');
}

function optionLines(options: Options): string[] {
  return columns(
    Object.entries(options).map(([name, option]) => [written(name, option), described(option)]),
  );
}

/** Broken before an option, with the backslash that a shell needs. */
function exampleLines(text: string): string[] {
  const lines = wrap(text.split(/ (?=--\w)/), WIDTH - 8);
  return lines.map(
    (line, k) => `${k === 0 ? '  ' : '      '}${line}${k < lines.length - 1 ? ' \\' : ''}`,
  );
}

/** "--seed <n>". */
function written(name: string, option: Option): string {
  return option.type === 'flag' ? `--${name}` : `--${name} <${option.value}>`;
}

/** The help of an option with what is allowed and what is the default. */
function described(option: Option): string {
  const remarks: string[] = [];
  if (option.type === 'choice') remarks.push(option.choices.join(', '));
  if (option.type === 'whole' && option.min > 1) remarks.push(`at least ${option.min}`);
  if (option.type === 'whole' && option.max !== undefined) remarks.push(`at most ${option.max}`);
  if ('required' in option) remarks.push('required');
  if ('default' in option) remarks.push(`default ${option.default}`);
  return remarks.length === 0 ? option.help : `${option.help} (${remarks.join('; ')})`;
}

/** Two aligned columns, the right one wrapped. */
function columns(rows: readonly (readonly [string, string])[]): string[] {
  const left = Math.max(...rows.map(([name]) => name.length)) + 4;
  return rows.flatMap(([name, text]) =>
    wrap(text.split(' '), WIDTH - left).map(
      (line, k) => (k === 0 ? `  ${name}` : '').padEnd(left) + line,
    ),
  );
}

/** Lines of words that must not be broken. */
function wrap(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
