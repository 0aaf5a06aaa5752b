// The scores of one criterion over the blocks, on an axis of their own.

import {
  CartesianGrid,
  ComposedChart,
  Line,
  ReferenceArea,
  usePlotArea,
  useXAxisScale,
  XAxis,
  YAxis,
  ZIndexLayer,
} from 'recharts';
import type { CriterionName } from '../../analysis/criteriaTable.ts';
import type { ModelSummary } from '../../model/open/summary.ts';
import { bestSpan, type CriterionView } from '../../state/criteria/selectors.ts';
import { wholeBlocks } from '../../units.ts';
import { axisTitles } from '../../words/charts.ts';
import { CRITERIA_WORDS } from '../../words/compare.ts';
import { formatScore } from '../format.ts';
import { useStudio } from '../studioContext.ts';
import { usePointing } from '../usePointing.ts';
import { useWidth } from '../useWidth.ts';
import {
  ABOVE_LINES,
  type DotProps,
  longTitleAbove,
  STILL,
  titleBelow,
  X_AXIS,
  Y_AXIS,
} from './axis.ts';
import { ChartFrame } from './ChartFrame.tsx';
import css from './charts.module.css';
import { pathLook } from './pathLook.ts';

/** From this ratio of highest to lowest score on, the axis of one criterion is logarithmic. */
const LOG_FROM = 8;
/** Perplexities off this scale are drawn at its end. */
const MOST_NATS = 690;

const NONE: ModelSummary['blocks'] = [];

type AxisDomain = [number, number] | ['auto', 'auto'];

export function CriterionChart({ of: one }: { of: CriterionView }) {
  const ref = usePointing<HTMLElement>();
  const width = useWidth(ref, 640);
  const scores = valuesOf(one);
  const every = Math.ceil(scores.length / Math.max(4, (width - 80) / 26));
  const values = scores.filter((value) => value !== null);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const log = low > 0 && high / low > LOG_FROM;
  const domain: AxisDomain = log ? [low / 1.2, high * 1.2] : ['auto', 'auto'];
  const title = axisOf(one);
  return (
    <ChartFrame
      ref={ref}
      className={css.path}
      label={inWords(one)}
      testId="rank-chart"
      width={640}
      height={240}
    >
      <ComposedChart
        margin={{ top: 24, right: 20, bottom: 18, left: 0 }}
        accessibilityLayer={false}
      >
        <CartesianGrid vertical={false} stroke="var(--line)" />
        <XAxis
          {...X_AXIS}
          dataKey="block"
          domain={[-0.5, scores.length - 0.5]}
          ticks={Array.from({ length: Math.ceil(scores.length / every) }, (_, i) => i * every)}
          interval={0}
          label={titleBelow(axisTitles.block)}
        />
        <YAxis
          {...Y_AXIS}
          scale={log ? 'log' : 'linear'}
          domain={domain}
          tickFormatter={short}
          width={62}
          label={longTitleAbove(log ? axisTitles.logarithmic(title) : title)}
        />
        <BestSpan of={one} />
        <CriterionLine name={one.name} values={scores} radius={scores.length > 40 ? 2.5 : 4} />
        <ZIndexLayer zIndex={ABOVE_LINES}>
          <Columns />
        </ZIndexLayer>
      </ComposedChart>
    </ChartFrame>
  );
}

interface LineProps {
  name: CriterionName;
  values: readonly (number | null)[];
  radius: number;
}

function CriterionLine({ name, values, radius }: LineProps) {
  const { stroke, dash, shape } = pathLook(name);
  const dot = ({ cx, cy, payload }: DotProps<{ block: number }>) => {
    const key = payload?.block ?? -1;
    if (cy === undefined || !Number.isFinite(cy)) return <g key={key} />;
    const d = shape(cx ?? 0, cy, radius);
    return <path key={key} d={d} fill="var(--card)" stroke={stroke} strokeWidth={1.8} />;
  };
  return (
    <Line
      {...STILL}
      data={values.map((value, block) => ({ block, value }))}
      dataKey="value"
      stroke={stroke}
      strokeWidth={1.5}
      strokeDasharray={dash}
      dot={dot}
    />
  );
}

/** The best n neighbours, by the criterion that has them. */
function BestSpan({ of }: { of: CriterionView }) {
  const best = useStudio(bestSpan);
  if (best?.name !== of.name) return null;
  return (
    <ReferenceArea
      x1={best.first - 0.5}
      x2={best.first + best.count - 0.5}
      fill="var(--gold)"
      fillOpacity={0.12}
      stroke="var(--gold)"
      strokeDasharray="3 3"
    />
  );
}

/** One hit column per block; what the plan removes is marked below the axis. */
function Columns() {
  const blocks = useStudio((state) => state.model.current?.summary.blocks ?? NONE);
  const removed = useStudio((state) => state.plan.present.removed);
  const hover = useStudio((state) => state.view.hover);
  const x = useXAxisScale();
  const plot = usePlotArea();
  if (!x || !plot || plot.width <= 0) return null;
  const removedBlocks = wholeBlocks(removed);
  const pitch = plot.width / Math.max(blocks.length, 1);
  return (
    <g>
      {blocks.map(({ index: block }) => {
        const cx = x(block);
        if (cx === undefined) return null;
        return (
          <g
            key={block}
            data-block={block}
            className={css.column}
            data-removed={removedBlocks.includes(block)}
          >
            <rect
              className={css.hit}
              data-hover={block === hover}
              x={cx - pitch / 2}
              y={plot.y}
              width={pitch}
              height={plot.height + 18}
            />
            {removedBlocks.includes(block) && (
              <rect
                className={css.removedBlock}
                x={cx - pitch * 0.35}
                y={plot.y + plot.height - 2}
                width={pitch * 0.7}
                height={4}
              />
            )}
          </g>
        );
      })}
    </g>
  );
}

/** Ticks are round already. */
const short = (value: number) =>
  Math.abs(value) < 1000 ? String(Number(value.toPrecision(3))) : formatScore(value);

const drawn = (values: readonly number[]) =>
  values.map((value) => (Number.isFinite(value) ? value : null));

const axisOf = ({ criterion, label }: CriterionView) =>
  criterion.perplexity ? 'perplexity without' : label;

function valuesOf({ criterion, scores, isRanking }: CriterionView): (number | null)[] {
  if (!criterion.perplexity) return drawn(scores);
  // Beside an original that gives no numbers an infinite one is no height.
  if (!isRanking) return drawn(scores.map(Math.exp));
  return scores.map((nll) => (Number.isNaN(nll) ? null : Math.exp(Math.min(nll, MOST_NATS))));
}

/** One criterion in a sentence, for screen readers; the table has every number. */
function inWords({ criterion, label, ranks, isRanking }: CriterionView): string {
  const what = criterion.subject ?? label;
  if (!isRanking) return `${what} over the blocks: ${CRITERIA_WORDS.noRanking}.`;
  const least = ranks.indexOf(Math.min(...ranks.filter((rank) => !Number.isNaN(rank))));
  const most = ranks.indexOf(Math.max(...ranks.filter((rank) => !Number.isNaN(rank))));
  return `${what} over the blocks: lowest for block ${least}, highest for block ${most}.`;
}
