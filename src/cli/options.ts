// Options of commands as data, and the one place where their words are parsed and checked.

import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { Unit } from '../units.ts';
import { decimal, oneOf, parseBlocks, parseRemove, UsageError, wholeNumber } from './args.ts';
import { didYouMean } from './nearest.ts';

/** What a value is; `min`, `max` and `choices` are what is allowed. */
type Kind =
  | { readonly type: 'text'; readonly default?: string }
  | {
      readonly type: 'whole';
      readonly min: number;
      readonly max?: number;
      readonly default?: number;
    }
  /** At least 0. */
  | { readonly type: 'decimal'; readonly default?: number }
  /** Given in MB, held in bytes. */
  | { readonly type: 'megabytes' }
  | { readonly type: 'choice'; readonly choices: readonly string[]; readonly default?: string }
  /** Blocks and sublayers; may be empty. */
  | { readonly type: 'units' }
  | { readonly type: 'blocks' };

/** `--name <value>`, or `--name` for a flag. */
export type Option = {
  /** One line for the help: what it sets. Bounds, choices and default are added to it. */
  readonly help: string;
} & (
  | { readonly type: 'flag' }
  | (Kind & {
      /** How the help names the value, such as "file". */
      readonly value: string;
      readonly required?: true;
    })
);

export type Options = { readonly [name: string]: Option };

interface Types {
  flag: boolean;
  text: string;
  whole: number;
  decimal: number;
  megabytes: number;
  units: Unit[];
  blocks: number[];
}

type Parsed<O> = O extends { type: 'choice'; choices: readonly (infer Word)[] }
  ? Word
  : O extends { type: infer Type extends keyof Types }
    ? Types[Type]
    : never;

/** Options that always have a value; a flag is then false, a list empty. */
type Always = { type: 'flag' | 'units' | 'blocks' } | { required: true } | { default: unknown };

/** The values of options by name; undefined where nothing is given and nothing is the default. */
export type Values<O extends Options> = {
  readonly [Name in keyof O]: O[Name] extends Always
    ? Parsed<O[Name]>
    : Parsed<O[Name]> | undefined;
};

/** The one positional argument that every command has. */
export interface Argument {
  /** How the usage names it, such as "folder". */
  readonly value: string;
  /** What it is, with its article: "the model folder". */
  readonly help: string;
}

export interface ParsedWords<O extends Options> {
  argument: string;
  values: Values<O>;
  /** Names of the options that were given. */
  given: ReadonlySet<string>;
}

/** Parses `<argument> --option value ...`. @throws UsageError */
export function parseWords<O extends Options>(
  words: readonly string[],
  argument: Argument,
  options: O,
): ParsedWords<O> {
  const { values: texts, positionals } = splitWords(words, options);
  const empty = Object.entries(texts).find(
    ([name, text]) =>
      options[name]?.type !== 'units' && typeof text === 'string' && text.trim() === '',
  );
  if (empty) throw new UsageError(`--${empty[0]} needs a value; it is empty.`);
  const [first, second] = positionals;
  if (first === undefined || first.trim() === '') throw new UsageError(`Name ${argument.help}.`);
  if (second !== undefined)
    throw new UsageError(`One ${argument.value} at a time; "${second}" is too many.`);
  const values = Object.entries(options).map(([name, option]) => [
    name,
    optionValue(name, option, texts[name]),
  ]);
  return {
    argument: first,
    values: Object.fromEntries(values) as Values<O>,
    given: new Set(Object.keys(texts)),
  };
}

/** The value of one option, given or by default. @throws UsageError */
function optionValue(name: string, option: Option, text: string | boolean | undefined): unknown {
  if (option.type === 'flag') return text === true;
  if (typeof text === 'string') return parseValue(name, option, text);
  if (option.required) throw new UsageError(`Give --${name} <${option.value}>: ${option.help}.`);
  if (option.type === 'units' || option.type === 'blocks') return [];
  return 'default' in option ? option.default : undefined;
}

/** @throws UsageError */
function parseValue(name: string, kind: Kind, text: string): unknown {
  switch (kind.type) {
    case 'text':
      return text;
    case 'whole':
      return wholeNumber(text, name, kind.min, kind.max);
    case 'decimal':
      return decimal(text, name);
    case 'megabytes':
      return wholeNumber(text, name) * 1e6;
    case 'choice':
      return oneOf(text, name, kind.choices);
    case 'units':
      return parseRemove(text, name);
    case 'blocks':
      return parseBlocks(text, name);
  }
}

interface SplitWords {
  values: { [name: string]: string | boolean | undefined };
  positionals: string[];
}

/** @throws UsageError */
function splitWords(words: readonly string[], options: Options): SplitWords {
  const config: NonNullable<ParseArgsConfig['options']> = {};
  for (const [name, { type }] of Object.entries(options))
    config[name] = { type: type === 'flag' ? 'boolean' : 'string' };
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      options: config,
      allowPositionals: true,
      strict: true,
    });
    return { values: values as SplitWords['values'], positionals };
  } catch (error) {
    throw wrongWords(error as Error & { code?: string }, options);
  }
}

/** What `parseArgs` says, on one line. */
function wrongWords({ code, message }: Error & { code?: string }, options: Options): UsageError {
  const written = /'(-[^' =]*)/.exec(message)?.[1];
  if (written && code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const names = Object.keys(options).map((name) => `--${name}`);
    return new UsageError(`There is no option ${written}.${didYouMean(written, names)}`);
  }
  const option = written ? options[written.replace(/^-+/, '')] : undefined;
  if (option && code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE')
    return new UsageError(
      option.type === 'flag'
        ? `${written} takes no value.`
        : `${written} needs a value; write ${written}=<${option.value}> if it begins with "-".`,
    );
  return new UsageError(message.replace(/\s+/g, ' '));
}
