// Criteria over the blocks: the ranks of all that are shown on one axis, or one criterion on its
// own. Loaded on request; what it draws is in its table as text.

import {
  CartesianGrid,
  ComposedChart,
  Line,
  ReferenceArea,
  ResponsiveContainer,
  usePlotArea,
  useXAxisScale,
  XAxis,
  YAxis,
  ZIndexLayer,
} from 'recharts';
import type { CriterionName } from '../../analysis/criteriaTable.ts';
import type { ModelSummary } from '../../model/open/summary.ts';
import {
  bestSpan,
  type CriterionView,
  criteriaView,
  shownCriteria,
} from '../../state/criteria/selectors.ts';
import { wholeBlocks } from '../../units.ts';
import { formatScore } from '../format.ts';
import { useStudio } from '../studioContext.ts';
import { usePointing } from '../usePointing.ts';
import { useWidth } from '../useWidth.ts';
import { TICK } from './axis.ts';
import css from './charts.module.css';
import { pathLook } from './pathLook.ts';

/** From this ratio of the highest to the lowest score on, an axis of its own is logarithmic. */
const LOG_FROM = 8;
/** The layer of points in recharts: over lines and axes, under labels. */
const ABOVE_LINES = 600;
/** Perplexities beyond it are drawn at it. */
const MOST_NATS = 690;

const NONE: ModelSummary['blocks'] = [];

interface Series {
  name: CriterionName;
  values: readonly (number | null)[];
}

export default function RankChart() {
  const shown = useStudio(shownCriteria);
  const known = useStudio(criteriaView);
  const view = useStudio((state) => state.criteria.view);
  const ref = usePointing<HTMLElement>();
  const width = useWidth(ref, 640);
  const one = known.find(({ name }) => name === view) ?? null;
  const list = one ? [one] : shown;
  const series = list.map(
    (criterion): Series => ({
      name: criterion.name,
      values: one ? valuesOf(criterion) : drawn(criterion.normalised),
    }),
  );
  const blocks = Math.max(0, ...series.map(({ values }) => values.length));
  const every = Math.ceil(blocks / Math.max(4, (width - 80) / 26));
  const values = series.flatMap((each) => each.values.filter((value) => value !== null));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const log = one !== null && low > 0 && high / low > LOG_FROM;
  const ownDomain = log ? [low / 1.2, high * 1.2] : ['auto', 'auto'];
  return (
    <figure
      ref={ref}
      className={css.path}
      aria-label={one ? inWords(one) : ranksInWords(shown)}
      data-testid="rank-chart"
    >
      <ResponsiveContainer
        width="100%"
        height="100%"
        initialDimension={{ width: 640, height: 240 }}
      >
        <ComposedChart
          margin={{ top: 24, right: 20, bottom: 18, left: 0 }}
          accessibilityLayer={false}
        >
          <CartesianGrid vertical={false} stroke="var(--line)" />
          <XAxis
            dataKey="block"
            type="number"
            domain={[-0.5, blocks - 0.5]}
            ticks={Array.from({ length: Math.ceil(blocks / every) }, (_, i) => i * every)}
            interval={0}
            tick={TICK}
            tickLine={false}
            axisLine={{ stroke: 'var(--line)' }}
            label={{
              value: 'block',
              position: 'bottom',
              offset: 2,
              fill: 'var(--muted)',
              fontSize: 11.5,
            }}
          />
          <YAxis
            scale={log ? 'log' : 'linear'}
            domain={one ? ownDomain : [-0.04, 1.04]}
            {...(!one && { ticks: [0, 0.25, 0.5, 0.75, 1] })}
            tickFormatter={short}
            tick={TICK}
            tickLine={false}
            axisLine={false}
            width={62}
            label={{
              value: one ? axisOf(one) : 'normalised rank, 0 = removed first',
              position: 'insideTopLeft',
              dy: -22,
              fill: 'var(--muted)',
              fontSize: 11.5,
            }}
          />
          <BestSpan of={list} />
          {series.toReversed().map(({ name, values: own }) => {
            const { stroke, dash, shape } = pathLook(name);
            return (
              <Line
                key={name}
                data={own.map((value, block) => ({ block, value }))}
                dataKey="value"
                stroke={stroke}
                strokeWidth={1.5}
                strokeDasharray={dash}
                activeDot={false}
                isAnimationActive={false}
                dot={({
                  cx,
                  cy,
                  payload,
                }: {
                  cx?: number | undefined;
                  cy?: number | undefined;
                  payload?: { block: number };
                }) =>
                  cy === undefined || !Number.isFinite(cy) ? (
                    <g key={payload?.block ?? -1} />
                  ) : (
                    <path
                      key={payload?.block ?? -1}
                      d={shape(cx ?? 0, cy, blocks > 40 ? 2.5 : 4)}
                      fill="var(--card)"
                      stroke={stroke}
                      strokeWidth={1.8}
                    />
                  )
                }
              />
            );
          })}
          <ZIndexLayer zIndex={ABOVE_LINES}>
            <Columns />
          </ZIndexLayer>
        </ComposedChart>
      </ResponsiveContainer>
    </figure>
  );
}

/** The best n neighbours, by the criterion that has them. */
function BestSpan({ of }: { of: readonly CriterionView[] }) {
  const best = useStudio(bestSpan);
  if (!best || !of.some(({ name }) => name === best.name)) return null;
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
  const gone = wholeBlocks(removed);
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
            data-removed={gone.includes(block)}
          >
            <rect
              className={css.hit}
              data-hover={block === hover}
              x={cx - pitch / 2}
              y={plot.y}
              width={pitch}
              height={plot.height + 18}
            />
            {gone.includes(block) && (
              <rect
                className={css.gone}
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

function valuesOf({ criterion, scores }: CriterionView): (number | null)[] {
  if (!criterion.perplexity) return drawn(scores);
  return scores.map((nll) => (Number.isNaN(nll) ? null : Math.exp(Math.min(nll, MOST_NATS))));
}

/** In a sentence, for those who do not see it; the table has every number. */
function inWords({ criterion, label, ranks }: CriterionView): string {
  const what = criterion.subject ?? label;
  const least = ranks.indexOf(Math.min(...ranks.filter((rank) => !Number.isNaN(rank))));
  const most = ranks.indexOf(Math.max(...ranks.filter((rank) => !Number.isNaN(rank))));
  return `${what} over the blocks: lowest for block ${least}, highest for block ${most}.`;
}

function ranksInWords(shown: readonly CriterionView[]): string {
  const firsts = shown.map(
    ({ label, ranks }) =>
      ` ${label} would remove block ` +
      `${ranks.indexOf(Math.min(...ranks.filter((rank) => !Number.isNaN(rank))))} first.`,
  );
  return `Ranks of the blocks by ${shown.length} criteria.${firsts.join('')}`;
}
