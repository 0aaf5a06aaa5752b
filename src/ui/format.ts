// Numbers as people read them, with English digits everywhere so that they can be compared.

import { scaled } from '../quantities.ts';

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/**
 * Perplexity from its mean NLL in nats: four significant digits, and powers of ten from a million
 * on, as it may overflow a float64.
 */
export function formatPpl(nll: number, decimalsOfPower = 1): string {
  if (Number.isNaN(nll)) return 'not a number';
  if (nll === Number.POSITIVE_INFINITY) return '∞';
  const ppl = Math.exp(nll);
  if (ppl >= 1e6) {
    const log = nll / Math.LN10;
    let exponent = Math.floor(log);
    let digits = (10 ** (log - exponent)).toFixed(decimalsOfPower);
    if (Number(digits) === 10) {
      digits = (1).toFixed(decimalsOfPower);
      exponent++;
    }
    return `${digits} × 10${[...String(exponent)].map((d) => SUPERSCRIPTS[Number(d)]).join('')}`;
  }
  if (ppl >= 999.95) return whole.format(ppl);
  if (ppl >= 99.995) return ppl.toFixed(1);
  return ppl.toFixed(ppl >= 9.9995 ? 2 : 3);
}

/**
 * That of the intact model: where it is not finite the model gives no numbers, while a plan that
 * breaks a sound model is only off the scale.
 */
export const formatOriginal = (nll: number): string =>
  Number.isFinite(nll) ? formatPpl(nll) : 'none';

/**
 * That of a plan beside an original of this NLL: without numbers of the original, it may have none.
 */
export const formatPruned = (nll: number, original: number | undefined): string =>
  original === undefined || Number.isFinite(original) ? formatPpl(nll) : formatOriginal(nll);

/** A score of any criterion in four digits: 9,202, 833.8, 0.01661, 2.023 M. */
export function formatScore(value: number): string {
  if (Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return '∞';
  if (Math.abs(value) >= 999_950)
    return Math.abs(value) >= 1e15
      ? value.toExponential(2)
      : scaled(value, ['', 'k', 'M', 'B', 'T'], 3);
  return Math.abs(value) >= 999.95 ? whole.format(value) : value.toPrecision(4);
}

/** Parameters or elements: 3.02 M, 6.74 B. */
export function formatCount(count: number): string {
  return scaled(count, ['', 'k', 'M', 'B', 'T'], 2).trim();
}

/** Change from `from` to `to` in percent, with a true minus sign; '' when there is none. */
export function formatChange(from: number, to: number): string {
  if (from === to || !Number.isFinite(from)) return '';
  const percent = (to / from - 1) * 100;
  if (!Number.isFinite(percent)) return '';
  const size = Math.abs(percent);
  if (size > 999) return `${(to / from).toPrecision(3)} ×`;
  if (size < 0.05) return `${percent > 0 ? '+' : '−'}<0.1 %`;
  return `${percent > 0 ? '+' : '−'}${size.toFixed(size < 10 ? 1 : 0)} %`;
}

/** 0.9 s, 42 s, 3 min, 1 h 20 min. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function threeDigits(value: number): string {
  if (value >= 99.95) return value.toFixed(0);
  return value.toFixed(value >= 9.995 ? 1 : 2);
}

/** Tokens/s in three digits: 7.62, 212, 4,930. */
export function formatRate(rate: number): string {
  if (rate >= 999.5) return whole.format(rate);
  return threeDigits(rate);
}

/** 0.82 ms, 9.8 ms, 132 ms, 1.24 s; long times as `formatSeconds` has them. */
export function formatShort(seconds: number): string {
  const ms = seconds * 1000;
  if (ms >= 9995) return formatSeconds(seconds);
  if (ms >= 999.5) return `${seconds.toFixed(2)} s`;
  return `${threeDigits(ms)} ms`;
}
