// The marks of the sublayers chart: attention as diamonds, feed-forward as dots, with error bars.

import { usePlotArea, useXAxisScale, useYAxisScale } from 'recharts';
import { isRemoved, type SublayerPoint, sublayersData } from '../../state/sublayers/selectors.ts';
import { useStudio } from '../studioContext.ts';
import type { MarksProps } from './CurveFrame.tsx';
import css from './charts.module.css';
import { ErrorBar, isOff, OffScale } from './MarkShapes.tsx';

/** Attention lies this far left of its block, feed-forward as far right, in blocks. */
export const SUBLAYER_SHIFT = 0.2;

export function SublayerMarks({ from, to, scale }: MarksProps) {
  const { blocks } = useStudio(sublayersData);
  const removed = useStudio((state) => state.plan.present.removed);
  const hover = useStudio((state) => state.view.hover);
  const x = useXAxisScale();
  const y = useYAxisScale();
  const plot = usePlotArea();
  if (!x || !y || !plot || plot.width <= 0) return null;
  const pitch = plot.width / Math.max(to - from + 1, 1);
  const radius = Math.max(2, Math.min(5, pitch * 0.2));
  const yOf = (nll: number) =>
    y(Math.exp(Math.min(Math.max(nll, scale.low), scale.high))) ?? plot.y;

  function mark(
    { unit, nll, low, high }: SublayerPoint,
    center: number,
    side: -1 | 1,
    size: number,
  ) {
    const cx = center + side * SUBLAYER_SHIFT * pitch;
    const isAttention = side === -1;
    return (
      <g key={unit} data-unit={unit} className={css.column} data-removed={isRemoved(removed, unit)}>
        <rect
          className={css.hit}
          x={isAttention ? center - pitch / 2 : center}
          y={plot!.y - 14}
          width={pitch / 2}
          height={plot!.height + 40}
        />
        {nll !== null && isOff(nll, scale) && (
          // The numbers of both sublayers of a block stand below each other.
          <OffScale
            cx={cx}
            top={plot!.y + (isAttention ? -4 : 9)}
            nll={nll}
            left={cx > plot!.x + plot!.width * 0.8}
          />
        )}
        {nll !== null && !isOff(nll, scale) && (
          <>
            <ErrorBar cx={cx} low={low} high={high} scale={scale} yOf={yOf} />
            {isAttention ? (
              <path className={css.attention} d={diamond(cx, yOf(nll), size + 1)} />
            ) : (
              <circle className={css.point} cx={cx} cy={yOf(nll)} r={size} />
            )}
          </>
        )}
      </g>
    );
  }

  return (
    <g>
      {blocks.slice(from, to + 1).map((pair, i) => {
        const index = from + i;
        const cx = x(index);
        if (cx === undefined) return null;
        const size = index === hover ? radius + 1.5 : radius;
        return (
          <g key={index} data-block={index}>
            <rect
              className={css.hit}
              data-hover={index === hover}
              x={cx - pitch / 2}
              y={plot.y - 14}
              width={pitch}
              height={plot.height + 40}
            />
            {pair && mark(pair[0], cx, -1, size)}
            {pair && mark(pair[1], cx, 1, size)}
          </g>
        );
      })}
    </g>
  );
}

const diamond = (cx: number, cy: number, r: number) =>
  `M${cx} ${cy - r} l${r} ${r} l${-r} ${r} l${-r} ${-r} z`;
