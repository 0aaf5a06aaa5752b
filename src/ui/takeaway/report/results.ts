// The sections of a report with the results of the studies; null where nothing was measured. Pure.

import { criteriaView } from '../../../state/criteria/selectors.ts';
import { divergence } from '../../../state/generate/selectors.ts';
import { healingWords, shownHealing, trainingCurve } from '../../../state/heal/selectors.ts';
import { shownQuantisation } from '../../../state/quantise/selectors.ts';
import { hasPaths } from '../../../state/search/selectors.ts';
import { stabilityView } from '../../../state/stability/selectors.ts';
import type { StudioState } from '../../../state/state.ts';
import { currentSublayers } from '../../../state/sublayers/selectors.ts';
import * as compare from '../../../state/takeaway/compare.ts';
import { healing as healingMaker } from '../../../state/takeaway/healing.ts';
import type { Maker } from '../../../state/takeaway/maker.ts';
import { evaluation as evaluations } from '../../../state/takeaway/quality.ts';
import * as quantising from '../../../state/takeaway/quantising.ts';
import * as scores from '../../../state/takeaway/scores.ts';
import { variants as variantsMaker } from '../../../state/takeaway/speed.ts';
import { tasks as tasksMaker } from '../../../state/takeaway/tasks.ts';
import * as widths from '../../../state/takeaway/width.ts';
import { plottable, variantRows } from '../../../state/variants/variants.ts';
import { widthView } from '../../../state/width/selectors.ts';
import { WIDTH } from '../../../words/comparison/width.ts';
import { columnHeads } from '../../../words/takeaway/files.ts';
import { FACTS, LEADS, REPORT, REPORT_WORDS as W } from '../../../words/takeaway/report.ts';
import { findings } from '../../width/findings.ts';
import type { Part, Section } from './parts.ts';

/** What was measured by one maker: a lead, its figure, its table. */
const drawn = (
  id: 'importance' | 'sublayers' | 'search',
  { measured, table }: Maker,
  caption: string,
  state: StudioState,
): Section => ({
  id,
  title: REPORT[id],
  parts: [
    { kind: 'text', text: LEADS[id] },
    { kind: 'figure', id, caption: measured(state).words },
    { kind: 'table', caption, table: table(state) },
  ],
});

export const importance = (state: StudioState): Section | null =>
  state.score.curve ? drawn('importance', scores.importance, W.orderTable, state) : null;

export const sublayers = (state: StudioState): Section | null =>
  currentSublayers(state) ? drawn('sublayers', scores.sublayers, W.sublayersTable, state) : null;

export function criteria(state: StudioState): Section | null {
  if (!state.criteria.compared) return null;
  const known = criteriaView(state);
  if (known.length === 0) return null;
  const correlated = known.flatMap(({ label, spearman }) =>
    spearman === null ? [] : [W.spearman(label, spearman.toFixed(2).replace('-', '−'))],
  );
  return {
    id: 'criteria',
    title: REPORT.criteria,
    parts: [
      { kind: 'text', text: LEADS.criteria },
      { kind: 'list', items: correlated },
      { kind: 'figure', id: 'criteria', caption: compare.criteria.measured(state).words },
      { kind: 'table', caption: W.criteriaTable, table: compare.criteria.table(state) },
      {
        kind: 'terms',
        rows: known.map(({ criterion: { label, formula, source } }) => [
          label,
          `${formula} (${source})`,
        ]),
      },
    ],
  };
}

export const search = (state: StudioState): Section | null =>
  hasPaths(state) ? drawn('search', compare.search, W.searchTable, state) : null;

export function stability(state: StudioState): Section | null {
  const view = stabilityView(state);
  if (!view) return null;
  const [low, high] = (view.range ?? []).map((value) => value.toFixed(2));
  const parts: Part[] = [{ kind: 'text', text: LEADS.stability }];
  if (low && high) parts.push({ kind: 'text', text: W.agreement(view.runs.length, low, high) });
  return {
    id: 'stability',
    title: REPORT.stability,
    parts: [
      ...parts,
      { kind: 'list', items: view.runs.map(({ label }) => label) },
      { kind: 'figure', id: 'stability', caption: compare.stability.measured(state).words },
      { kind: 'table', caption: W.stabilityTable, table: compare.stability.table(state) },
    ],
  };
}

export function healing(state: StudioState): Section | null {
  const healing = shownHealing(state);
  if (!healing) return null;
  const { measured, table } = healingMaker;
  const parts: Part[] = [
    { kind: 'text', text: LEADS.healing },
    { kind: 'text', text: `${sentence(measured(state).words)}.` },
    { kind: 'table', caption: W.healingTable, table: table(state) },
    { kind: 'warnings', items: healing.warnings },
  ];
  if (trainingCurve(state)?.running === null)
    parts.push({ kind: 'figure', id: 'losses', caption: measured(state).words });
  return { id: 'healing', title: REPORT.healing, parts };
}

const sentence = (words: string) => words.charAt(0).toUpperCase() + words.slice(1);

export function quantisation(state: StudioState): Section | null {
  const shown = shownQuantisation(state);
  if (!shown) return null;
  const { measured, table } = quantising.quantisation;
  const { words } = measured(state);
  const parts: Part[] = [
    { kind: 'text', text: LEADS.quantisation },
    { kind: 'text', text: `${sentence(words)}.` },
    { kind: 'warnings', items: shown.warnings },
  ];
  if (shown.quantisation.record.measured.length > 0)
    parts.push(
      { kind: 'figure', id: 'quantisation', caption: words },
      { kind: 'table', caption: W.quantisationTable, table: table(state) },
    );
  if (shown.matrices.some(({ sensitivity }) => sensitivity !== null))
    parts.push(
      { kind: 'figure', id: 'matrices', caption: words },
      { kind: 'table', caption: W.matricesTable, table: quantising.matrices.table(state) },
    );
  return { id: 'quantisation', title: REPORT.quantisation, parts };
}

export function width(state: StudioState): Section | null {
  const view = widthView(state);
  if (!view) return null;
  const { words } = widths.width.measured(state);
  const parts: Part[] = [
    { kind: 'text', text: LEADS.width },
    { kind: 'list', items: findings(view) },
    { kind: 'figure', id: 'width', caption: words },
    { kind: 'table', caption: WIDTH.table, table: widths.width.table(state) },
  ];
  if (view.batches.length > 0)
    parts.push(
      { kind: 'figure', id: 'width-speeds', caption: words },
      { kind: 'table', caption: WIDTH.speeds, table: widths.widthSpeeds.table(state) },
    );
  return { id: 'width', title: REPORT.width, parts };
}

export function evaluation(state: StudioState): Section | null {
  if (state.evaluate.results.length === 0) return null;
  return {
    id: 'evaluation',
    title: REPORT.evaluation,
    parts: [
      { kind: 'text', text: LEADS.evaluation },
      { kind: 'table', caption: W.evaluationTable, table: evaluations.table(state) },
    ],
  };
}

export function tasks(state: StudioState): Section | null {
  const { shown } = state.tasks;
  if (!shown) return null;
  const { measured, table } = tasksMaker;
  const isBuiltIn = shown.result.tasks.some(({ source }) => source.builtIn);
  return {
    id: 'tasks',
    title: REPORT.tasks,
    parts: [
      { kind: 'text', text: LEADS.tasks },
      { kind: 'text', text: `${measured(state).words}.` },
      {
        kind: 'warnings',
        items: [
          ...(isBuiltIn ? [W.tasksBuiltIn] : []),
          ...(shown.whole ? [] : [W.tasksStopped]),
          ...shown.result.warnings,
        ],
      },
      { kind: 'table', caption: W.tasksTable, table: table(state) },
    ],
  };
}

export function texts(state: StudioState): Section | null {
  const { shown, running } = state.generate;
  const { original, pruned } = shown?.sides ?? {};
  if (!shown || running || (!original && !pruned)) return null;
  const at = divergence(state);
  const parts: Part[] = [
    { kind: 'text', text: LEADS.texts },
    { kind: 'quote', head: FACTS.prompt, text: shown.prompt?.text || shown.form.prompt },
  ];
  if (original) parts.push({ kind: 'quote', head: columnHeads.original, text: original.text });
  if (pruned)
    parts.push({
      kind: 'quote',
      head: [W.prunedWithout(shown.removed.join(', ')), healingWords(state, shown.healing)]
        .filter(Boolean)
        .join(', '),
      text: pruned.text,
    });
  if (original && pruned)
    parts.push({ kind: 'text', text: at === null ? W.same : W.firstDifference(at + 1) });
  return { id: 'texts', title: REPORT.texts, parts };
}

export function variants(state: StudioState): Section | null {
  const rows = variantRows(state);
  if (rows.filter(({ nll, measure }) => nll !== null || measure !== null).length < 2) return null;
  const parts: Part[] = [{ kind: 'text', text: LEADS.variants }];
  if (plottable(rows).length > 1)
    parts.push({
      kind: 'figure',
      id: 'variants',
      caption: variantsMaker.measured(state).words,
    });
  parts.push({ kind: 'table', caption: W.variantsTable, table: variantsMaker.table(state) });
  return { id: 'variants', title: REPORT.variants, parts };
}
