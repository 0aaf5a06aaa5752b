// The legends of figures: every mark that a chart may have, drawn as the chart draws it, and only
// those that it has now.

import type { ReactNode } from 'react';
import { listed } from '../../quantities.ts';
import { criteriaView } from '../../state/criteria/selectors.ts';
import { trainingCurve } from '../../state/heal/selectors.ts';
import { shownQuantisation } from '../../state/quantise/selectors.ts';
import { curveView } from '../../state/score/selectors.ts';
import { pathsView } from '../../state/search/selectors.ts';
import type { StudioState } from '../../state/state.ts';
import { plottable, predictedRows, variantRows } from '../../state/variants/variants.ts';
import { type WidthRow, widthView } from '../../state/width/selectors.ts';
import { wholeBlocks } from '../../units.ts';
import { WIDTH } from '../../words/comparison/width.ts';
import { legendWords as words } from '../../words/takeaway/files.ts';
import { FormShape } from '../charts/quantise/FormShape.tsx';
import { WidthSign } from '../charts/width/WidthSign.tsx';
import { SignMarks } from '../kit/Sign.tsx';

interface LegendEntry {
  label: string;
  /** In a box of 30 x 12; null where words are enough. */
  mark: ReactNode;
}

export type Legend = (state: StudioState) => readonly LegendEntry[];

const when = (shown: boolean, entry: LegendEntry): LegendEntry[] => (shown ? [entry] : []);

const dot = (fill: string, stroke = 'none', dash?: string) => (
  <circle
    cx="15"
    cy="6"
    r="4.5"
    fill={fill}
    stroke={stroke}
    strokeWidth="2"
    strokeDasharray={dash}
  />
);
const line = (stroke: string, dash?: string) => (
  <line x1="2" x2="28" y1="6" y2="6" stroke={stroke} strokeWidth="2" strokeDasharray={dash} />
);
const box = (fill: string, stroke = 'none', dash?: string) => (
  <rect
    x="6"
    y="1"
    width="18"
    height="10"
    rx="2"
    fill={fill}
    stroke={stroke}
    strokeDasharray={dash}
  />
);
const outline = dot('var(--card)', 'var(--cut)', '3 2');
const interval = <line x1="15" x2="15" y1="0" y2="12" stroke="var(--edge)" strokeWidth="1.4" />;
const arrow = <path d="M9 11 l6 -10 l6 10 z" fill="var(--leaf)" />;
const ring = <circle cx="15" cy="6" r="5" fill="none" stroke="var(--gold)" strokeWidth="1.5" />;
const baseline = { label: words.original, mark: line('var(--gold)', '5 4') };

export const importance: Legend = (state) => {
  const { points } = curveView(state);
  return [
    { label: words.block, mark: dot('var(--leaf)') },
    ...when(
      points.some(({ removed }) => removed),
      { label: words.removedBlock, mark: outline },
    ),
    ...when(
      points.some(({ low }) => Number.isFinite(low)),
      { label: words.interval, mark: interval },
    ),
    { label: words.offScale, mark: arrow },
    baseline,
    ...when(
      points.some(({ group }) => group !== ''),
      {
        label: words.letters,
        mark: (
          <text x="15" y="10" textAnchor="middle" fontSize="11.5" fill="var(--muted)">
            a
          </text>
        ),
      },
    ),
  ];
};

export const sublayers: Legend = ({ plan: { present } }) => [
  {
    label: words.attention,
    mark: <path d="M15 0 l6 6 l-6 6 l-6 -6 z" fill="var(--gold)" />,
  },
  { label: words.feedForward, mark: dot('var(--leaf)') },
  ...when(present.removed.length > 0, { label: words.removed, mark: outline }),
  { label: words.interval, mark: interval },
  { label: words.offScale, mark: arrow },
  baseline,
];

export const architecture: Legend = ({ plan: { present } }) => [
  { label: words.attention, mark: box('var(--leaf-soft)') },
  { label: words.feedForward, mark: box('var(--leaf)') },
  ...when(present.removed.length > 0, {
    label: words.removed,
    mark: box('var(--card)', 'var(--cut)', '3 2'),
  }),
  ...when(present.locked.length > 0, {
    label: words.locked,
    mark: <circle cx="15" cy="6" r="2.5" fill="var(--ink)" />,
  }),
  { label: words.heights, mark: null },
];

export const criteria: Legend = (state) => {
  const { view } = state.criteria;
  const one = criteriaView(state).find(({ name }) => name === view);
  if (one) {
    const bar = <rect x="4" y="4" width="22" height="4" fill="var(--cut)" />;
    return [
      { label: one.label, mark: <SignMarks name={one.name} /> },
      ...when(state.plan.present.removed.length > 0, { label: words.removed, mark: bar }),
    ];
  }
  const count = wholeBlocks(state.plan.present.removed).length || 3;
  return [
    { label: words.lowestOf(count), mark: box('var(--card)', 'var(--leaf)') },
    ...when(state.plan.present.removed.length > 0, { label: words.struck, mark: null }),
  ];
};

export const search: Legend = (state) => [
  ...pathsView(state).series.map(({ name, label }) => ({
    label,
    mark: <SignMarks name={name} />,
  })),
  { label: words.currentPlan, mark: ring },
  ...when(state.search.path?.request.maxPpl != null, {
    label: words.bound,
    mark: line('var(--cut)', '5 4'),
  }),
];

export const stability: Legend = (state) => [
  { label: words.meanRank, mark: dot('var(--leaf)') },
  {
    label: words.rankRange,
    mark: <rect x="12" y="0" width="6" height="12" rx="3" fill="var(--leaf-soft)" />,
  },
  ...when(state.plan.present.removed.length > 0, {
    label: words.removedBlock,
    mark: outline,
  }),
];

export const speed: Legend = () => [
  { label: words.originalModel, mark: box('var(--leaf-soft)') },
  { label: words.pruned, mark: box('var(--leaf)') },
  {
    label: words.runs,
    mark: <path d="M4 6H26M4 2v8M26 2v8" fill="none" stroke="var(--ink)" strokeWidth="1.2" />,
  },
];

export const losses: Legend = (state) => [
  { label: words.trainingLoss, mark: line('var(--edge)') },
  ...when((trainingCurve(state)?.heldOut.length ?? 0) > 0, {
    label: words.heldOutLoss,
    mark: (
      <>
        {line('var(--leaf)')}
        {dot('var(--card)', 'var(--leaf)')}
      </>
    ),
  }),
];

export const quantisation: Legend = (state) => {
  const measured = shownQuantisation(state)?.quantisation.record.measured ?? [];
  return [
    ...when(
      measured.some(({ pruned }) => pruned !== null),
      { label: words.prunedLoss, mark: box('var(--cut)') },
    ),
    ...when(
      measured.some(({ healed }) => healed !== null),
      { label: words.healedLoss, mark: box('var(--leaf)') },
    ),
    { label: words.quantisedLoss, mark: box('var(--gold)') },
    baseline,
  ];
};

export const matrices: Legend = (state) => {
  const all = shownQuantisation(state)?.matrices ?? [];
  const parts = [...new Set(all.flatMap(({ block, part }) => (block === null ? [] : part)))];
  return [
    ...([4, 8, 'float'] as const)
      .filter((form) => all.some((one) => one.form === form && one.sensitivity !== null))
      .map((form) => ({
        label: words.forms[form],
        mark: <FormShape form={form} cx={15} cy={6} r={4} />,
      })),
    ...when(parts.length > 1, { label: words.partsInOrder(listed(parts)), mark: null }),
  ];
};

export const sweep: Legend = () => [
  { label: words.originalModel, mark: line('var(--edge)') },
  { label: words.pruned, mark: line('var(--leaf)') },
  { label: words.batches, mark: null },
];

const widthRows = (rows: readonly WidthRow[]): LegendEntry[] => [
  ...rows.map(({ id, label }) => ({ label, mark: <WidthSign id={id} cx={15} cy={6} /> })),
  { label: WIDTH.depthLine, mark: line('var(--leaf)', '6 3') },
  { label: words.interval, mark: interval },
];

export const width: Legend = (state) => widthRows(widthView(state)?.rows ?? []);

export const widthSpeeds: Legend = (state) =>
  widthRows(widthView(state)?.rows.filter(({ points }) => points.length > 0) ?? []);

export const variants: Legend = (state) => {
  const rows = variantRows(state);
  return [
    { label: words.onFront, mark: dot('var(--leaf)', 'var(--leaf)') },
    ...when(
      plottable(rows).some(({ onFront, present }) => !onFront && !present),
      { label: words.variant, mark: dot('var(--card)', 'var(--leaf)') },
    ),
    { label: words.currentPlan, mark: dot('var(--gold)', 'var(--gold)') },
    ...when(predictedRows(rows).length > 0, {
      label: words.predicted,
      mark: dot('var(--card)', 'var(--leaf)', '3 2'),
    }),
  ];
};
