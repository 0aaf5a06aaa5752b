// Values of tables as people read them. Pure.

import type { Cell } from '../../../csv.ts';
import { formatBytes } from '../../../quantities.ts';
import type { Kind } from '../../../state/takeaway/table.ts';
import { pointsWords } from '../../../words/variants.ts';
import { formatPpl, formatRate, formatScore, formatShort } from '../../format.ts';

const YES = 'yes';

type Format = (value: number) => string;

const NUMBERS: Readonly<Record<Exclude<Kind, 'text' | 'flag'>, Format>> = {
  count: (value) => value.toLocaleString('en'),
  number: (value) => String(Number(value.toPrecision(4))),
  nll: (value) => formatPpl(value),
  score: formatScore,
  rate: formatRate,
  seconds: formatShort,
  bytes: formatBytes,
  points: (value) => pointsWords(100 * value),
  gain: (value) => `${value.toFixed(2)} ×`,
  share: (value) => `${(100 * value).toFixed(value === 0 || value === 1 ? 0 : 1)} %`,
};

/** '' for what is unknown or untrue. */
export function cellText(cell: Cell, kind: Kind): string {
  if (cell === null || cell === false) return '';
  if (cell === true) return YES;
  if (typeof cell === 'string') return cell;
  return kind === 'text' || kind === 'flag' ? String(cell) : NUMBERS[kind](cell);
}

export const isNumeric = (kind: Kind): boolean => kind !== 'text' && kind !== 'flag';
