// Parses single words of the command line into values.

import { parseUnits, type Unit } from '../units.ts';

/** Wrong usage: exit code 2. */
export class UsageError extends Error {}

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

/** A whole number from `min` to `max`. @throws UsageError */
export function wholeNumber(
  text: string,
  option: string,
  min = 1,
  max = Number.POSITIVE_INFINITY,
): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < min || value > max) {
    const allowed =
      max === Number.POSITIVE_INFINITY ? `of at least ${min}` : `from ${min} to ${max}`;
    throw new UsageError(`--${option} takes a whole number ${allowed}, not "${text}".`);
  }
  return value;
}

/** A number such as 0.7 or 2e-3, at least 0. @throws UsageError */
export function decimal(text: string, option: string): number {
  if (!/^(\d+\.?\d*|\.\d+)(e[+-]?\d{1,2})?$/i.test(text))
    throw new UsageError(`--${option} takes a number of at least 0, not "${text}".`);
  return Number(text);
}

/** One of a list of words. @throws UsageError */
export function oneOf<T extends string>(text: string, option: string, words: readonly T[]): T {
  const found = words.find((word) => word === text);
  if (!found) throw new UsageError(`--${option} is one of ${words.join(', ')}, not "${text}".`);
  return found;
}

/** Units from "3,7.attn,9-11"; sorted, each once. @throws UsageError */
export function parseRemove(text: string, option = 'remove'): Unit[] {
  const { units, wrong } = parseUnits(text);
  if (!units) throw new UsageError(`--${option} takes units like 3,7.attn,9-11, not "${wrong}".`);
  return units;
}

/** Whole blocks from "0,9-11"; sorted, each once. @throws UsageError */
export function parseBlocks(text: string, option: string): number[] {
  return parseRemove(text, option).map((unit) => {
    if (typeof unit !== 'number')
      throw new UsageError(`--${option} takes whole blocks, not ${unit}.`);
    return unit;
  });
}
