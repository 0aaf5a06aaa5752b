// How long something takes, in words: "about 6 to 8 min".

/** Seconds between two bounds. */
interface Seconds {
  low: number;
  high: number;
}

/** From here on, minutes; and hours. */
const MINUTES_FROM_S = 100;
const HOURS_FROM_S = 90 * 60;
/** Below this, nobody needs a number. */
const FEW_S = 3;

const STEPS = [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100];

/** A number that claims no more than an estimate knows. */
function rounded(value: number): number {
  const nearest = (a: number, b: number) => (Math.abs(b - value) < Math.abs(a - value) ? b : a);
  return value > 100 ? Math.round(value / 50) * 50 : STEPS.reduce(nearest, 1);
}

const halves = (hours: number) => Math.max(1, Math.round(2 * hours)) / 2;

function unitOf(seconds: number): [number, string, (value: number) => number] {
  if (seconds >= HOURS_FROM_S) return [3600, 'h', halves];
  return seconds >= MINUTES_FROM_S ? [60, 'min', rounded] : [1, 's', rounded];
}

/** "about 6 to 8 min", "about 40 s", "a few seconds". */
export function aboutSeconds({ low, high }: Seconds): string {
  if (high < FEW_S) return 'a few seconds';
  const [size, unit, round] = unitOf(high);
  const [from, to] = [round(low / size), round(high / size)];
  return from === to ? `about ${to} ${unit}` : `about ${from} to ${to} ${unit}`;
}

/** The same for work that may end early: "up to about 8 min". */
export const upToSeconds = ({ high }: Seconds): string =>
  high < FEW_S ? 'a few seconds' : `up to ${aboutSeconds({ low: high, high })}`;
