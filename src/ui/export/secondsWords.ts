// A range of times in words.

import { formatSeconds } from '../format.ts';

/** "5 to 20 s", "20 s"; no more digits than a guess has. */
export function secondsWords([low, high]: readonly [number, number]): string {
  const [from, to] = [inWords(low), inWords(high)];
  if (from === to) return from;
  const [amount, unit] = from.split(' ');
  return to.endsWith(` ${unit}`) && from.split(' ').length === 2
    ? `${amount} to ${to}`
    : `${from} to ${to}`;
}

/** Whole seconds up to 10, then fives, then half minutes. */
function inWords(seconds: number): string {
  if (seconds < 9.5) return `${Math.max(1, Math.round(seconds))} s`;
  const step = seconds < 100 ? 5 : 30;
  return formatSeconds(Math.round(seconds / step) * step);
}
