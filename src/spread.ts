// Numbers that were measured with a spread, in no more digits than the spread allows. Pure.

/** The lowest and the highest value that was measured, or the ends of an interval. */
export type Ends = readonly [low: number, high: number];

/** More digits than this are never shown. */
const MOST_DIGITS = 3;

/** The last digit that is shown may stand for at most this share of the spread. */
const SHARE = 0.8;

/** Rounding may move a number by at most this share of the spread. */
const MOVED = 1 / 8;

/** The power of ten of a number's first digit: 2 for 305.8, -1 for 0.43. */
const exponentOf = (value: number): number =>
  value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));

/**
 * The power of ten of the last digit that means something: 2 for 305.8 of 253 to 386, 0 for 305.8
 * of 303 to 309.
 */
function lastDigit(value: number, [low, high]: Ends): number {
  const first = exponentOf(value);
  const finest = first - MOST_DIGITS + 1;
  const spread = Math.abs(high - low);
  if (!(spread > 0) || !Number.isFinite(spread)) return finest;
  const coarsest = Math.min(first, Math.floor(Math.log10(SHARE * spread)));
  let digit = Math.max(finest, coarsest);
  while (digit > finest && Math.abs(rounded(value, digit) - value) > MOVED * spread) digit--;
  return digit;
}

function rounded(value: number, digit: number): number {
  const unit = 10 ** digit;
  return Math.round(value / unit) * unit;
}

function atDigit(value: number, digit: number): string {
  const places = Math.max(0, -digit);
  return (digit > 0 ? rounded(value, digit) : value).toLocaleString('en', {
    minimumFractionDigits: places,
    maximumFractionDigits: places,
  });
}

/** "253 to 386"; both ends in the digits of the larger. */
export function formatEnds([low, high]: Ends): string {
  const digit = exponentOf(Math.max(Math.abs(low), Math.abs(high))) - MOST_DIGITS + 1;
  return `${atDigit(low, digit)} to ${atDigit(high, digit)}`;
}

/**
 * The number alone: "300" for 305.8 of 253 to 386, "306" of 303 to 309.
 * @param least digits at least: two beside a change in percent, which they should not contradict
 */
export const formatBySpread = (value: number, ends: Ends, least: 1 | 2 = 1): string =>
  atDigit(value, Math.min(exponentOf(value) + 1 - least, lastDigit(value, ends)));

/**
 * The number with its ends: "about 300 tok/s (253 to 386)", "306 tok/s (303 to 309)"; "about" where
 * the spread takes digits away, no ends where there is no spread.
 */
export function formatSpread(value: number, ends: Ends, unit = ''): string {
  const digit = lastDigit(value, ends);
  const number = `${atDigit(value, digit)}${unit && ` ${unit}`}`;
  if (!(ends[1] > ends[0])) return number;
  const isCoarse = digit > exponentOf(value) - MOST_DIGITS + 1;
  return `${isCoarse ? 'about ' : ''}${number} (${formatEnds(ends)})`;
}

/** A gain alone: "1.43 ×", "1.4 ×" where its interval is wide: one or two decimals. */
export const formatGain = (ratio: number, ends: Ends): string =>
  `${atDigit(ratio, Math.max(-2, Math.min(-1, lastDigit(ratio, ends))))} ×`;

/** A gain with its interval: "1.43 × (1.38 to 1.49)". */
export const formatGainSpread = (ratio: number, [low, high]: Ends): string =>
  high.toFixed(2) !== low.toFixed(2)
    ? `${formatGain(ratio, [low, high])} (${low.toFixed(2)} to ${high.toFixed(2)})`
    : formatGain(ratio, [low, high]);
