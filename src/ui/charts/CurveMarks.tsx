// The marks of the importance curve: points, error bars, groups, one column per block to point at.

import { usePlotArea, useXAxisScale, useYAxisScale } from 'recharts';
import { type CurvePoint, curveView } from '../../state/score/selectors.ts';
import { useStudio } from '../studioContext.ts';
import type { MarksProps } from './CurveFrame.tsx';
import css from './charts.module.css';
import { ErrorBar, isOff, Missing, OffScale } from './MarkShapes.tsx';
import type { Scale } from './scale.ts';

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
        const isWithinNoise = hovered?.withinNoise.includes(point.index) ?? false;
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
            <Mark
              point={point}
              cx={cx}
              scale={scale}
              plot={plot}
              yOf={yOf}
              radius={point.index === hover ? radius + 1.5 : radius}
              ring={isWithinNoise ? radius + Math.min(4, pitch * 0.25) : null}
            />
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

interface MarkProps {
  point: CurvePoint;
  cx: number;
  scale: Scale;
  plot: { x: number; y: number; width: number; height: number };
  yOf(nll: number): number;
  radius: number;
  /** Radius of the ring around a block within noise of the one pointed at; null without it. */
  ring: number | null;
}

function Mark({
  point: { nll, low, high, refused, noNumber },
  cx,
  scale,
  plot,
  yOf,
  radius,
  ring,
}: MarkProps) {
  if (nll === null)
    return (refused || noNumber) && <Missing cx={cx} cy={plot.y + plot.height - 8} />;
  if (isOff(nll, scale))
    return <OffScale cx={cx} top={plot.y} nll={nll} left={cx > plot.x + plot.width * 0.8} />;
  const cy = yOf(nll);
  return (
    <>
      <ErrorBar cx={cx} low={low} high={high} scale={scale} yOf={yOf} />
      {ring !== null && <circle className={css.equal} cx={cx} cy={cy} r={ring} />}
      <circle className={css.point} cx={cx} cy={cy} r={radius} />
    </>
  );
}
