// A range of times in words.

import { formatSeconds } from '../format.ts';

/** "5 to 20 s", "20 s"; no more digits than a guess has. */
export function secondsWords([low, high]: readonly [number, number]): string {
  const [from, to] = [round(low), round(high)].map(formatSeconds) as [string, string];
  if (from === to) return from;
  const [amount, unit] = from.split(' ');
  return to.endsWith(` ${unit}`) && from.split(' ').length === 2
    ? `${amount} to ${to}`
    : `${from} to ${to}`;
}

/** Whole seconds up to 10, then fives, then half minutes. */
function round(seconds: number): number {
  if (seconds < 10) return Math.max(1, Math.round(seconds));
  const step = seconds < 100 ? 5 : 30;
  return Math.round(seconds / step) * step;
}
