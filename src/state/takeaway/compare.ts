// Criteria, paths of removal and the calibration study as tables. Pure.

import { labelOf } from '../../analysis/criterion.ts';
import { finite } from '../../csv.ts';
import { formatUnits } from '../../units.ts';
import { columnHeads as heads, studyWords } from '../../words/takeaway/files.ts';
import { criteriaView, spanOf } from '../criteria/selectors.ts';
import { deviceName } from '../device/selectors.ts';
import { numBlocksOf } from '../open/selectors.ts';
import { measuredOn } from '../score/selectors.ts';
import { isOnCurve } from '../search/measured.ts';
import { pathsView } from '../search/selectors.ts';
import { studiedCriterion, studiedLabel } from '../stability/order.ts';
import { stabilityView } from '../stability/selectors.ts';
import type { StudioState } from '../state.ts';
import { isRemoved } from '../sublayers/selectors.ts';
import { type Maker, type Measured, windowSettings } from './maker.ts';
import { type Column, pplOf, type Table } from './table.ts';

/** Settings of the curve, which criteria and one-shot paths share its windows with. */
function onCurve(state: StudioState, more: Readonly<Record<string, unknown>>): Measured {
  const { curve } = state.score;
  return {
    settings: { ...(curve && windowSettings(curve.result)), ...more },
    device: curve?.result.device ?? null,
    words: curve ? measuredOn(state) : '',
  };
}

const SUBLAYERS = { attention: heads.attention, ffn: heads.feedForward } as const;

function criteriaTable(state: StudioState): Table {
  const known = criteriaView(state);
  const ofSublayers = known.filter(({ sublayers }) => sublayers);
  const { removed } = state.plan.present;
  return {
    columns: [
      { name: 'block', head: heads.block, kind: 'count' },
      ...known.flatMap(({ name, label, criterion }): Column[] => [
        {
          name: `${name}_${criterion.perplexity ? 'nll_nats' : 'score'}`,
          head: label,
          kind: criterion.perplexity ? 'nll' : 'score',
        },
        { name: `${name}_rank`, head: heads.rank, kind: 'number' },
      ]),
      ...ofSublayers.flatMap(({ name, label }) =>
        Object.entries(SUBLAYERS).map(
          ([one, head]): Column => ({
            name: `${name}_${one}_score`,
            head: `${label}, ${head}`,
            kind: 'score',
          }),
        ),
      ),
      { name: 'removed', head: heads.removed, kind: 'flag' },
    ],
    rows: Array.from({ length: numBlocksOf(state) }, (_, block) => [
      block,
      ...known.flatMap(({ scores, ranks }) => [finite(scores[block]), finite(ranks[block])]),
      ...ofSublayers.flatMap(({ sublayers }) => [
        finite(sublayers?.attention[block]),
        finite(sublayers?.ffn[block]),
      ]),
      isRemoved(removed, block),
    ]),
  };
}

export const criteria: Maker = {
  table: criteriaTable,
  measured: (state) =>
    onCurve(state, {
      normWeights: state.criteria.norms,
      angularBlocks: spanOf(state),
      criteria: criteriaView(state).map(({ name, criterion, spearman }) => ({
        name,
        label: labelOf(criterion, { norms: state.criteria.norms, span: spanOf(state) }),
        formula: criterion.formula,
        source: criterion.source,
        spearmanWithPerplexity: spearman,
      })),
    }),
};

function pathsTable(state: StudioState): Table {
  return {
    columns: [
      { name: 'path', head: heads.path, kind: 'text' },
      { name: 'blocks_removed', head: heads.count, kind: 'number' },
      { name: 'last_removed', head: heads.last, kind: 'count' },
      { name: 'removed', head: heads.plan, kind: 'text' },
      { name: 'nll_nats', head: heads.ppl, kind: 'nll' },
      { name: 'ppl', kind: 'number' },
    ],
    rows: pathsView(state).series.flatMap(({ label, points }) =>
      points
        .filter(({ nll }) => nll !== null)
        .map(({ count, block, removed, nll }) => [
          label,
          count,
          block,
          formatUnits(removed),
          nll,
          pplOf(nll),
        ]),
    ),
  };
}

export const search: Maker = {
  table: pathsTable,
  measured(state) {
    const { path } = state.search;
    if (!path) return onCurve(state, {});
    const { start, locked, count, maxPpl, settings } = path.request;
    const asked = { start, locked, count, maxPpl, endedBy: path.ended, seconds: path.seconds };
    if (isOnCurve(state)) return onCurve(state, { search: asked });
    const { samples, length } = settings;
    const windows = path.windows?.length ?? samples;
    return {
      settings: { samples, length, windows, search: asked },
      device: path.device,
      words: [studyWords.windows(windows, length), path.device && deviceName(path.device)]
        .filter(Boolean)
        .join(', '),
    };
  },
};

function stabilityTable(state: StudioState): Table {
  const view = stabilityView(state);
  const { removed } = state.plan.present;
  const criterion = studiedCriterion(state);
  const runs = view?.runs ?? [];
  const rankOf = (run: number, block: number): number | null => {
    const scores = runs[run]?.scores ?? [];
    const own = finite(scores[block]);
    return own === null ? null : 1 + scores.filter((score) => score < own).length;
  };
  return {
    columns: [
      { name: 'block', head: heads.block, kind: 'count' },
      {
        name: `share_among_${view?.k ?? 0}_lowest`,
        head: heads.lowest(view?.k ?? 0),
        kind: 'share',
      },
      { name: 'mean_rank', head: heads.meanRank, kind: 'number' },
      { name: 'lowest_rank', head: heads.lowestRank, kind: 'number' },
      { name: 'highest_rank', head: heads.highestRank, kind: 'number' },
      ...runs.flatMap(({ label }): Column[] => [
        { name: `${criterion.perplexity ? 'nll_nats' : 'score'}: ${label}`, kind: 'number' },
        { name: `rank: ${label}`, kind: 'number' },
      ]),
      { name: 'removed', head: heads.removed, kind: 'flag' },
    ],
    rows: (view?.blocks ?? []).map(({ block, chosen, meanRank, lowestRank, highestRank }) => [
      block,
      chosen,
      meanRank,
      lowestRank,
      highestRank,
      ...runs.flatMap(({ scores }, run) => [finite(scores[block]), rankOf(run, block)]),
      isRemoved(removed, block),
    ]),
  };
}

const shownRuns = ({ stability }: StudioState) =>
  stability.criterion === 'taylor' ? stability.taylorRuns : stability.runs;

export const stability: Maker = {
  table: stabilityTable,
  measured(state) {
    const view = stabilityView(state);
    const { curve } = state.score;
    return {
      settings: {
        lowest: view?.k ?? null,
        criterion: studiedLabel(state),
        runs: shownRuns(state).map(({ label, result }) => ({
          label,
          ...result.settings,
          seconds: result.seconds,
        })),
        pairs: (view?.pairs ?? []).map(({ a, b, ...agreement }) => ({
          runs: [view?.runs[a]?.label, view?.runs[b]?.label],
          ...agreement,
        })),
      },
      device: curve?.result.device ?? null,
      words: studyWords.runs(view?.runs.length ?? 0, studiedLabel(state)),
    };
  },
};
