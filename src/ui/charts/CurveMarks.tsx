// What recharts has no words for: points kept and removed, error bars, values off the scale, groups
// of equals, one hit column per block.

import { usePlotArea, useXAxisScale, useYAxisScale } from 'recharts';
import { curveView } from '../../state/selectors.ts';
import { useStudio } from '../studioContext.ts';
import type { MarksProps } from './CurveFrame.tsx';
import css from './charts.module.css';
import { Beyond, Missing, OffScale } from './MarkShapes.tsx';

export function CurveMarks({ from, to, scale }: MarksProps) {
  const view = useStudio(curveView);
  const hover = useStudio((state) => state.view.hover);
  const x = useXAxisScale();
  const y = useYAxisScale();
  const plot = usePlotArea();
  if (!x || !y || !plot || plot.width <= 0) return null;
  const points = view.points.slice(from, to + 1);
  const pitch = plot.width / Math.max(points.length, 1);
  const radius = Math.max(2.5, Math.min(5.5, pitch * 0.3));
  const yOf = (nll: number) =>
    y(Math.exp(Math.min(Math.max(nll, scale.low), scale.high))) ?? plot.y;
  const hovered = hover === null ? undefined : view.points[hover];
  return (
    <g>
      {points.map((point) => {
        const cx = x(point.index);
        if (cx === undefined) return null;
        const isEqual = hovered?.equals.includes(point.index) ?? false;
        return (
          <g
            key={point.index}
            data-block={point.index}
            className={css.column}
            data-removed={point.removed}
          >
            <rect
              className={css.hit}
              data-hover={point.index === hover}
              x={cx - pitch / 2}
              y={plot.y - 14}
              width={pitch}
              height={plot.height + 40}
            />
            {point.nll === null ? (
              point.refused && <Missing cx={cx} cy={plot.y + plot.height - 8} />
            ) : point.nll > scale.high || !Number.isFinite(point.nll) ? (
              <OffScale
                cx={cx}
                top={plot.y}
                nll={point.nll}
                left={cx > plot.x + plot.width * 0.8}
              />
            ) : (
              <>
                {Number.isFinite(point.low) && (
                  <line
                    className={css.interval}
                    x1={cx}
                    x2={cx}
                    y1={yOf(point.low)}
                    y2={yOf(point.high)}
                  />
                )}
                {point.high > scale.high && <Beyond cx={cx} cy={yOf(point.high)} down={false} />}
                {point.low < scale.low && <Beyond cx={cx} cy={yOf(point.low)} down />}
                {isEqual && (
                  <circle
                    className={css.equal}
                    cx={cx}
                    cy={yOf(point.nll)}
                    r={radius + Math.min(4, pitch * 0.25)}
                  />
                )}
                <circle
                  className={css.point}
                  cx={cx}
                  cy={yOf(point.nll)}
                  r={point.index === hover ? radius + 1.5 : radius}
                />
              </>
            )}
            {point.group && pitch >= 14 && (
              <text className={css.group} x={cx} y={plot.y + plot.height + 33} textAnchor="middle">
                {point.group}
              </text>
            )}
          </g>
        );
      })}
    </g>
  );
}
