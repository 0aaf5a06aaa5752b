// Command-line words to typed options; must not touch files or models.

import { type ParseArgsConfig, parseArgs } from 'node:util';
import { parseUnits, type Unit } from '../units.ts';

/** Wrong usage: exit code 2. */
export class UsageError extends Error {}

type Options = NonNullable<ParseArgsConfig['options']>;

/**
 * Parses `<folder> --option value ...`; exactly one positional, the folder. Only --remove may have
 * an empty value. @throws UsageError
 */
export function parseCommand<T extends Options>(words: string[], options: T) {
  try {
    const { values, positionals } = parseArgs({
      args: words,
      options,
      allowPositionals: true,
      strict: true,
    });
    const folder = positionals[0];
    const empty = Object.entries(values).find(
      ([name, value]) => name !== 'remove' && typeof value === 'string' && value.trim() === '',
    );
    if (empty) throw new UsageError(`--${empty[0]} needs a value; it is empty.`);
    if (folder === undefined || folder.trim() === '')
      throw new UsageError('Name the model folder.');
    if (positionals.length > 1)
      throw new UsageError(`One folder at a time; "${positionals[1]}" is too many.`);
    return { folder, values };
  } catch (error) {
    throw error instanceof UsageError ? error : wrongWords(error as Error & { code?: string });
  }
}

/** What `parseArgs` says, on one line. */
function wrongWords({ code, message }: Error & { code?: string }): UsageError {
  const option = /'(-[^' =]*)/.exec(message)?.[1];
  if (option && code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION')
    return new UsageError(`There is no option ${option}.`);
  if (option && code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE')
    return new UsageError(`${option} needs a value, and one that does not begin with "-".`);
  return new UsageError(message.replace(/\s+/g, ' '));
}

/**
 * The path of a graph within its folder as the folder lists it: "./onnx/model.onnx" and
 * "onnx\\model.onnx" are onnx/model.onnx.
 */
export function graphPath(text: string): string {
  return text
    .split(/[\\/]/)
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}

/** A whole number of at least `min`. @throws UsageError */
export function wholeNumber(
  text: string | undefined,
  option: string,
  fallback: number,
  min = 1,
): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < min)
    throw new UsageError(`--${option} takes a whole number of at least ${min}, not "${text}".`);
  return value;
}

/** A number such as 0.7, at least 0. @throws UsageError */
export function decimal(text: string | undefined, option: string, fallback: number): number {
  if (text === undefined) return fallback;
  if (!/^(\d+\.?\d*|\.\d+)$/.test(text))
    throw new UsageError(`--${option} takes a number of at least 0, not "${text}".`);
  return Number(text);
}

/** One of a list of words. @throws UsageError */
export function oneOf<T extends string>(
  text: string | undefined,
  option: string,
  words: readonly T[],
): T | null {
  if (text === undefined) return null;
  const found = words.find((word) => word === text);
  if (!found) throw new UsageError(`--${option} is one of ${words.join(', ')}, not "${text}".`);
  return found;
}

/** Units from "3,7.attn,9-11"; sorted, each once. @throws UsageError */
export function parseRemove(text: string | undefined, option = 'remove'): Unit[] {
  const { units, wrong } = parseUnits(text ?? '');
  if (!units) throw new UsageError(`--${option} takes units like 3,7.attn,9-11, not "${wrong}".`);
  return units;
}
