// The sensitivity of every matrix: what it costs to keep this one alone in few bits, by block and
// part, on a logarithmic axis. The table beside it answers the keyboard.

import { useEffect, useMemo, useRef } from 'react';
import { CHART, sensitivityInWords } from '../../../words/quantise.ts';
import { useWidth } from '../../useWidth.ts';
import { FormShape } from './FormShape.tsx';
import css from './sensitivity.module.css';
import {
  columnsOf,
  formatNats,
  nearestMark,
  type SensitivityMark,
  type SensitivityPoint,
  sensitivityMarks,
  sensitivityRange,
  sensitivityTicks,
  yIn,
} from './sensitivityLayout.ts';

const HEIGHT = 260;
const PLOT = { top: 30, left: 58, right: 10, bottom: 44 };
/** Pixels from a mark within which it is meant. */
const REACH = 28;
/** Pixels of the chart from which the long title fits. */
const LONG_TITLE_FROM = 480;
/** Pixels of the label of a column. */
const LABEL = 22;

interface Props {
  points: readonly SensitivityPoint[];
  /** Ids of the matrices under the pointer or the focus, and of the one that was chosen. */
  hover?: string | null;
  chosen?: string | null;
  onHover?(id: string | null): void;
  onChoose?(id: string): void;
}

export default function SensitivityChart(props: Props) {
  const { points, hover = null, chosen = null, onHover, onChoose } = props;
  const ref = useRef<HTMLElement>(null);
  const width = useWidth(ref, 640);
  const plot = {
    width: Math.max(1, width - PLOT.left - PLOT.right),
    height: HEIGHT - PLOT.top - PLOT.bottom,
  };
  const range = useMemo(
    () => sensitivityRange(points.flatMap(({ sensitivity }) => sensitivity ?? [])),
    [points],
  );
  const marks = useMemo(
    () => sensitivityMarks(points, range, plot.width, plot.height),
    [points, range, plot.width, plot.height],
  );
  useMarks(ref, marks, onHover, onChoose);
  const shown = marks.find(({ id }) => id === hover);
  // The same from the first mark to the last.
  const radius = Math.max(2.4, Math.min(4.5, (0.45 * plot.width) / Math.max(1, points.length)));
  return (
    <figure
      ref={ref}
      className={css.figure}
      data-points={onChoose !== undefined}
      aria-label={inWords(marks)}
      data-testid="sensitivity-chart"
    >
      <svg viewBox={`0 0 ${width} ${HEIGHT}`} height={HEIGHT} aria-hidden="true">
        <text className={css.text} x={2} y={13}>
          {width >= LONG_TITLE_FROM ? CHART.title : CHART.shortTitle}
        </text>
        <g transform={`translate(${PLOT.left} ${PLOT.top})`}>
          <Axis range={range} plot={plot} isEmpty={marks.length === 0} />
          <Columns points={points} plot={plot} hover={shown} />
          {shown && shown.block !== null && (
            <path className={css.line} d={lineOf(marks.filter(isPartOf(shown.part)))} />
          )}
          <Marks marks={marks} radius={radius} hover={hover} chosen={chosen} />
        </g>
      </svg>
    </figure>
  );
}

/** Hover and click of the nearest mark, heard on the figure. */
function useMarks(
  ref: React.RefObject<HTMLElement | null>,
  marks: readonly SensitivityMark[],
  onHover: Props['onHover'],
  onChoose: Props['onChoose'],
): void {
  useEffect(() => {
    const figure = ref.current;
    if (!figure || !onHover) return;
    const stop = new AbortController();
    const at = (event: PointerEvent | MouseEvent): string | null => {
      const box = figure.getBoundingClientRect();
      const x = event.clientX - box.left - PLOT.left;
      const y = event.clientY - box.top - PLOT.top;
      return nearestMark(marks, x, y, REACH)?.id ?? null;
    };
    const { signal } = stop;
    figure.addEventListener('pointermove', (event) => onHover(at(event)), { signal });
    figure.addEventListener('pointerleave', () => onHover(null), { signal });
    figure.addEventListener(
      'click',
      (event) => {
        const id = at(event);
        if (id !== null) onChoose?.(id);
      },
      { signal },
    );
    return () => stop.abort();
  }, [ref, marks, onHover, onChoose]);
}

const isPartOf = (part: string) => (mark: SensitivityMark) =>
  mark.block !== null && mark.part === part;

const lineOf = (marks: readonly SensitivityMark[]): string =>
  marks.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${x} ${y}`).join(' ');

interface Plot {
  width: number;
  height: number;
}

interface AxisProps {
  range: ReturnType<typeof sensitivityRange>;
  plot: Plot;
  isEmpty: boolean;
}

function Axis({ range, plot, isEmpty }: AxisProps) {
  const y = yIn(range, plot.height);
  if (isEmpty)
    return (
      <text className={css.text} x={plot.width / 2} y={plot.height / 2} textAnchor="middle">
        {CHART.waiting}
      </text>
    );
  return sensitivityTicks(range).map((tick) => (
    <g key={tick}>
      <line className={css.grid} x1={0} x2={plot.width} y1={y(tick)} y2={y(tick)} />
      <text className={css.text} x={-8} y={y(tick) + 4} textAnchor="end">
        {formatNats(tick)}
      </text>
    </g>
  ));
}

interface ColumnsProps {
  points: readonly SensitivityPoint[];
  plot: Plot;
  hover: SensitivityMark | undefined;
}

function Columns({ points, plot, hover }: ColumnsProps) {
  const columns = useMemo(() => columnsOf(points), [points]);
  const pitch = plot.width / Math.max(1, columns.length);
  const every = Math.ceil(LABEL / pitch);
  const isUnder = ({ block, label }: (typeof columns)[number]) =>
    hover !== undefined && hover.block === block && (block !== null || hover.part === label);
  return (
    <g>
      {columns.map((column, at) => (
        <g key={column.label} className={css.column} data-hover={isUnder(column)}>
          <rect x={at * pitch} y={-6} width={pitch} height={plot.height + 26} />
          {(column.block === null || column.block % every === 0) && (
            <text x={(at + 0.5) * pitch} y={plot.height + 16} textAnchor="middle">
              {CHART.columns[column.label] ?? column.label}
            </text>
          )}
        </g>
      ))}
      <text className={css.text} x={plot.width / 2} y={plot.height + 36} textAnchor="middle">
        {CHART.block}
      </text>
    </g>
  );
}

interface MarksProps {
  marks: readonly SensitivityMark[];
  radius: number;
  hover: string | null;
  chosen: string | null;
}

function Marks({ marks, radius, hover, chosen }: MarksProps) {
  return marks.map(({ id, x, y, form, byHand }) => {
    const r = id === hover ? radius + 1.5 : radius;
    return (
      <g key={id}>
        <FormShape form={form} cx={x} cy={y} r={r} />
        {byHand && <circle className={css.byHand} cx={x} cy={y} r={r + 3} />}
        {id === chosen && <circle className={css.chosen} cx={x} cy={y} r={r + 4.5} />}
      </g>
    );
  });
}

/** The ends of the curve, for screen readers; the table has every number. */
function inWords(marks: readonly SensitivityMark[]): string {
  const ordered = [...marks].sort((a, b) => a.sensitivity - b.sensitivity);
  const [least] = ordered;
  const most = ordered.at(-1);
  if (!least || !most) return CHART.none;
  const one = ({ block, part, sensitivity }: SensitivityMark) => ({
    block,
    part,
    nats: formatNats(sensitivity),
  });
  return sensitivityInWords(marks.length, one(most), one(least));
}
