// What a subcommand is: its words as data, and what it does with them.

import { type Argument, type Options, parseWords, type Values } from './options.ts';

interface CommandText {
  /** One line for the list of commands, without a full stop. */
  readonly summary: string;
  /** Sentences below the usage that the options do not say. */
  readonly about?: string;
  readonly argument: Argument;
  /** What stands after the name of the command, runnable from the root of the repository. */
  readonly examples: readonly string[];
}

interface CommandSpec<O extends Options> extends CommandText {
  readonly options: O;
  /** Returns the exit code. `given` names the options that are not there by default. */
  run(argument: string, values: Values<O>, given: ReadonlySet<string>): Promise<number>;
}

/** A subcommand, called with the words after its name; returns the exit code. */
export interface Command extends CommandText {
  readonly options: Options;
  /** Only checks the words. @throws UsageError */
  check(words: readonly string[]): void;
  /** @throws UsageError and what the command throws */
  (words: readonly string[]): Promise<number>;
}

export function defineCommand<const O extends Options>(spec: CommandSpec<O>): Command {
  const parse = (words: readonly string[]) => parseWords(words, spec.argument, spec.options);
  const command = async (words: readonly string[]): Promise<number> => {
    const { argument, values, given } = parse(words);
    return spec.run(argument, values, given);
  };
  const { run, ...text } = spec;
  return Object.assign(command, text, { check: (words: readonly string[]) => void parse(words) });
}
