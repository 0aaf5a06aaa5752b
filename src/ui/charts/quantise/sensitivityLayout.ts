// Where the marks of the sensitivity chart lie: a column for each block, in it a place for each
// part, on a logarithmic axis of nats. Numbers only.

import type { MatrixReport } from '../../../contract/quantise.ts';
import type { MatrixForm } from '../../../model/quantise/quantisation.ts';

/** What the chart shows of a matrix. */
export type SensitivityPoint = Pick<MatrixReport, 'block' | 'part' | 'form' | 'sensitivity'> & {
  /** Of this matrix in this place. */
  id: string;
  /** Its form was set by hand. */
  byHand: boolean;
};

/**
 * Of every matrix that could be stored in few bits; tables that stay as they are, and were not
 * measured, have no place in the curve.
 * @param forms set by hand, by stored tensor
 */
export const sensitivityPoints = (
  matrices: readonly MatrixReport[],
  forms: Readonly<Record<string, MatrixForm>>,
): (MatrixReport & SensitivityPoint)[] =>
  matrices
    .filter(
      ({ block, form, obstacle, sensitivity }) =>
        obstacle === null && (block !== null || form !== 'float' || sensitivity !== null),
    )
    .map((one) => ({ ...one, id: matrixId(one), byHand: one.tensor in forms }));

/** Of a matrix in one place: a tensor may have several. */
export const matrixId = ({
  block,
  part,
  tensor,
}: Pick<MatrixReport, 'block' | 'part' | 'tensor'>): string => `${block} ${part} ${tensor}`;

export interface LogRange {
  /** In nats. */
  low: number;
  high: number;
}

/** Decades of the axis at most: what is lower lies on its floor. */
const MOST_DECADES = 6;
/** Room beyond the lowest and the highest value, as a factor. */
const ROOM = 1.5;

/** The axis for these sensitivities: from the least to the largest positive one. */
export function sensitivityRange(values: readonly number[]): LogRange {
  const known = values.filter((value) => value > 0 && Number.isFinite(value));
  if (known.length === 0) return { low: 1e-4, high: 1e-1 };
  const most = Math.max(...known);
  const least = Math.max(Math.min(...known), most / 10 ** MOST_DECADES);
  return { low: least / ROOM, high: most * ROOM };
}

/** How finely a decade is divided, from the finest on: evenly for the eye. */
const DIVISIONS = [[1, 2, 5], [1, 3], [1]] as const;
const MOST_TICKS = 8;

/** Round values within the range, about as far from each other as they can be told apart. */
export function sensitivityTicks(range: LogRange): number[] {
  const ticks = DIVISIONS.map((steps) => ticksBy(steps, range));
  return ticks.find(({ length }) => length <= MOST_TICKS) ?? ticks.at(-1) ?? [];
}

function ticksBy(steps: readonly number[], { low, high }: LogRange): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++)
    for (const step of steps) {
      const tick = Number(`${step}e${power}`);
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  return ticks;
}

/** "0.001", "2e-5". */
export const formatNats = (nats: number): string =>
  nats >= 1e-4 ? String(Number(nats.toPrecision(3))) : nats.toExponential(0);

export interface SensitivityColumn {
  /** Block of the source; null outside of the blocks. */
  block: number | null;
  /** What stands below it. */
  label: string;
}

/** Blocks in their order; what lies outside stands where it is in the model: the head last. */
export function columnsOf(points: readonly SensitivityPoint[]): SensitivityColumn[] {
  const blocks = [...new Set(points.flatMap(({ block }) => block ?? []))].sort((a, b) => a - b);
  const outside = [...new Set(points.filter(({ block }) => block === null).map(partOf))];
  const column = (part: string): SensitivityColumn => ({ block: null, label: part });
  return [
    ...outside.filter((part) => part === 'embedding').map(column),
    ...blocks.map((block) => ({ block, label: String(block) })),
    ...outside.filter((part) => part !== 'embedding').map(column),
  ];
}

const partOf = ({ part }: SensitivityPoint) => part;

/** The parts of the blocks, in the order in which the model has them. */
export const partsOf = (points: readonly SensitivityPoint[]): string[] => [
  ...new Set(points.filter(({ block }) => block !== null).map(partOf)),
];

export interface SensitivityMark extends SensitivityPoint {
  sensitivity: number;
  /** Pixels within the plot, from its upper left corner. */
  x: number;
  y: number;
  /** It lies below the axis, and is drawn on its floor. */
  onFloor: boolean;
}

/** Share of a column that its marks take; the rest keeps neighbours apart. */
const COLUMN_SHARE = 0.78;

/**
 * @param width of the plot in pixels, and its height
 * @returns marks of the matrices whose sensitivity is known, in the order of the columns
 */
export function sensitivityMarks(
  points: readonly SensitivityPoint[],
  range: LogRange,
  width: number,
  height: number,
): SensitivityMark[] {
  const columns = columnsOf(points);
  const parts = partsOf(points);
  const pitch = width / Math.max(1, columns.length);
  const yOf = yIn(range, height);
  return columns.flatMap((column, at) => {
    const own = points.filter(({ block, part }) =>
      column.block === null ? block === null && part === column.label : block === column.block,
    );
    return own.flatMap((point): SensitivityMark[] => {
      const { sensitivity, part } = point;
      if (sensitivity === null || Number.isNaN(sensitivity)) return [];
      // Several matrices of one part, as those of experts, share its place.
      const place = column.block === null ? 0.5 : (parts.indexOf(part) + 0.5) / parts.length;
      const x = pitch * (at + 0.5 + COLUMN_SHARE * (place - 0.5));
      return [{ ...point, sensitivity, x, y: yOf(sensitivity), onFloor: sensitivity < range.low }];
    });
  });
}

/** Pixels from the top of the plot, held to it. */
export function yIn({ low, high }: LogRange, height: number): (nats: number) => number {
  const [from, to] = [Math.log(low), Math.log(high)];
  return (nats) => {
    const share = nats > 0 ? (Math.log(nats) - from) / (to - from) : 0;
    return height * (1 - Math.min(1, Math.max(0, share)));
  };
}

/** The mark nearest to a place in the plot, within so many pixels; null without one. */
export function nearestMark<T extends { x: number; y: number }>(
  marks: readonly T[],
  x: number,
  y: number,
  within: number,
): T | null {
  let best: T | null = null;
  let least = within;
  for (const mark of marks) {
    const away = Math.hypot(mark.x - x, mark.y - y);
    if (away <= least) [best, least] = [mark, away];
  }
  return best;
}
