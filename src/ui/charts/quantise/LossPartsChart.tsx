// The loss of a quantised plan in its parts: for each text, bars from the original on, one below
// the other, each from where the one before it ended.

import { useRef } from 'react';
import type { QuantisedMeasure } from '../../../model/quantise/quantisation.ts';
import { lossPartsInWords, PARTS, SETS, STAGES, signedNats } from '../../../words/quantise.ts';
import { useWidth } from '../../useWidth.ts';
import { roundTicks } from '../scale.ts';
import css from './lossParts.module.css';
import { HEIGHTS, type LossBar, lossBars, lossHeight, lossRange } from './lossParts.ts';

const BAR = 12;
const LEFT = 78;
/** Room for the number behind a bar. */
const RIGHT = 66;
const { row: ROW, title: TITLE, axis: AXIS } = HEIGHTS;

export default function LossPartsChart({ measured }: { measured: readonly QuantisedMeasure[] }) {
  const ref = useRef<HTMLElement>(null);
  const width = useWidth(ref, 640);
  const losses = measured.map((one) => ({ one, parts: lossBars(one) }));
  const range = lossRange(losses.map(({ parts }) => parts));
  const inner = Math.max(1, width - LEFT - RIGHT);
  const x = (nats: number) => LEFT + (inner * (nats - range.low)) / (range.high - range.low);
  const heights = losses.map(({ parts }) => lossHeight(parts));
  const tops = heights.map((_, i) => heights.slice(0, i).reduce((sum, one) => sum + one, 0));
  const bottom = heights.reduce((sum, one) => sum + one, 0);
  return (
    <figure
      ref={ref}
      className={css.figure}
      style={{ minHeight: bottom + AXIS }}
      aria-label={inWords(losses)}
      data-testid="loss-parts"
    >
      <svg viewBox={`0 0 ${width} ${bottom + AXIS}`} height={bottom + AXIS} aria-hidden="true">
        {ticksIn(range, inner).map((tick) => (
          <g key={tick}>
            <line className={css.grid} x1={x(tick)} x2={x(tick)} y1={TITLE - 4} y2={bottom} />
            <text className={css.text} x={x(tick)} y={bottom + 14} textAnchor="middle">
              {String(tick).replace('-', '−')}
            </text>
          </g>
        ))}
        <line className={css.original} x1={x(0)} x2={x(0)} y1={TITLE - 4} y2={bottom} />
        <text className={css.text} x={LEFT} y={bottom + 31}>
          {PARTS.axis}
        </text>
        {losses.map(({ one, parts }, i) => (
          <g key={`${one.set} ${one.name}`} transform={`translate(0 ${tops[i]})`}>
            <text className={css.title} x={0} y={13}>
              {SETS[one.set]}
            </text>
            {parts.map((part, row) => (
              <Bar key={part.stage} part={part} top={TITLE + row * ROW} x={x} />
            ))}
          </g>
        ))}
      </svg>
    </figure>
  );
}

/** Fewer where they would touch. */
function ticksIn({ low, high }: ReturnType<typeof lossRange>, width: number): number[] {
  const ticks = roundTicks(low, high);
  const every = Math.ceil((ticks.length * 52) / Math.max(52, width));
  return ticks.filter((_, i) => i % every === 0);
}

function Bar({ part, top, x }: { part: LossBar; top: number; x(nats: number): number }) {
  const { stage, from, to } = part;
  const [left, right] = [x(Math.min(from, to)), x(Math.max(from, to))];
  return (
    <g>
      <text className={css.text} x={LEFT - 10} y={top + BAR - 2} textAnchor="end">
        {STAGES[stage]}
      </text>
      <rect
        className={css.bar}
        data-stage={stage}
        x={left}
        y={top}
        width={Math.max(1.5, right - left)}
        height={BAR}
        rx={2}
      />
      <line className={css.link} x1={x(to)} x2={x(to)} y1={top} y2={top + ROW} />
      <text className={css.number} x={right + 7} y={top + BAR - 1}>
        {signedNats(to - from)}
      </text>
    </g>
  );
}

function inWords(losses: readonly { one: QuantisedMeasure; parts: readonly LossBar[] }[]): string {
  return lossPartsInWords(
    losses.map(({ one, parts }) => ({
      set: one.set,
      parts: parts.map(({ stage, from, to }) => ({ stage, nats: to - from })),
    })),
  );
}
