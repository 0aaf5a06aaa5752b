// The importance of blocks and sublayers, and the make-up of the model, as tables. Pure.

import { finite } from '../../csv.ts';
import type { ModelSummary } from '../../model/open/summary.ts';
import { blockOf, sublayerOf, sublayerUnit } from '../../units.ts';
import { columnHeads as heads } from '../../words/takeaway/files.ts';
import { curveView, measuredOn } from '../score/selectors.ts';
import type { StudioState } from '../state.ts';
import { currentSublayers, isRemoved, sublayersData } from '../sublayers/selectors.ts';
import { type Maker, type Measured, windowSettings } from './maker.ts';
import { type Column, pplOf, type Table } from './table.ts';

const SCORED: readonly Column[] = [
  { name: 'nll_nats', head: heads.ppl, kind: 'nll' },
  { name: 'ppl', kind: 'number' },
  { name: 'nll_low_nats', head: heads.low, kind: 'nll' },
  { name: 'nll_high_nats', head: heads.high, kind: 'nll' },
  { name: 'ppl_low', kind: 'number' },
  { name: 'ppl_high', kind: 'number' },
  { name: 'rank', head: heads.rank, kind: 'count' },
];

const scoredCells = (nll: number | null, low: number, high: number, rank: number | null) => [
  nll,
  pplOf(nll),
  finite(low),
  finite(high),
  pplOf(low),
  pplOf(high),
  rank,
];

function importanceTable(state: StudioState): Table {
  const { points } = curveView(state);
  const order = state.score.curve?.result.order ?? [];
  return {
    columns: [
      { name: 'block', head: heads.block, kind: 'count' },
      ...SCORED,
      { name: 'group', head: heads.group, kind: 'text' },
      { name: 'removed', head: heads.removed, kind: 'flag' },
      { name: 'locked', head: heads.locked, kind: 'flag' },
      { name: 'refused', kind: 'text' },
    ],
    rows: points.map(({ index, nll, low, high, group, removed, locked, refused }) => [
      index,
      ...scoredCells(nll, low, high, rankIn(order, index)),
      group,
      removed,
      locked,
      refused ?? '',
    ]),
  };
}

/** From 1, least important first; null outside the order. */
function rankIn<T>(order: readonly T[], unit: T): number | null {
  const at = order.indexOf(unit);
  return at < 0 ? null : at + 1;
}

function curveMeasured(state: StudioState): Measured {
  const { curve } = state.score;
  if (!curve) return { settings: {}, device: null, words: '' };
  const { baseline, warnings } = curve.result;
  return {
    settings: {
      ...windowSettings(curve.result),
      original: { nll_nats: finite(baseline.nll), ppl: pplOf(baseline.nll) },
      ...(warnings && { warnings }),
    },
    device: curve.result.device,
    words: measuredOn(state),
  };
}

export const importance: Maker = { table: importanceTable, measured: curveMeasured };

function sublayersTable(state: StudioState): Table {
  const { blocks } = sublayersData(state);
  const order = currentSublayers(state)?.order ?? [];
  const { removed } = state.plan.present;
  return {
    columns: [
      { name: 'unit', kind: 'text' },
      { name: 'block', head: heads.block, kind: 'count' },
      { name: 'sublayer', head: heads.sublayer, kind: 'text' },
      ...SCORED,
      { name: 'removed', head: heads.removed, kind: 'flag' },
    ],
    rows: blocks.flatMap((pair) =>
      (pair ?? []).map(({ unit, nll, low, high }) => [
        unit,
        blockOf(unit),
        sublayerOf(unit) === 'attn' ? heads.attention : heads.feedForward,
        ...scoredCells(nll, low, high, rankIn(order, unit)),
        isRemoved(removed, unit),
      ]),
    ),
  };
}

export const sublayers: Maker = {
  table: sublayersTable,
  measured(state) {
    const result = currentSublayers(state);
    if (!result) return { settings: {}, device: null, words: '' };
    return { settings: windowSettings(result), device: result.device, words: measuredOn(state) };
  },
};

function architectureTable(state: StudioState): Table {
  const model = state.model.current?.summary;
  const { removed, locked } = state.plan.present;
  return {
    columns: [
      { name: 'block', head: heads.block, kind: 'count' },
      { name: 'class', kind: 'count' },
      { name: 'params', head: heads.params, kind: 'score' },
      { name: 'bytes', head: heads.size, kind: 'bytes' },
      { name: 'attention_bytes', head: heads.attention, kind: 'bytes' },
      { name: 'feed_forward_bytes', head: heads.feedForward, kind: 'bytes' },
      { name: 'kv_bytes_per_token', kind: 'bytes' },
      { name: 'attention_removed', kind: 'flag' },
      { name: 'feed_forward_removed', kind: 'flag' },
      { name: 'removed', head: heads.removed, kind: 'flag' },
      { name: 'locked', head: heads.locked, kind: 'flag' },
    ],
    rows: (model?.blocks ?? []).map((block) => {
      const gone = (['attn', 'ffn'] as const).map((sublayer) =>
        isRemoved(removed, sublayerUnit(block.index, sublayer)),
      );
      return [
        block.index,
        block.class,
        block.params,
        block.bytes,
        block.attention?.bytes ?? null,
        block.feedForward?.bytes ?? null,
        block.kvBytesPerToken,
        gone[0] ?? false,
        gone[1] ?? false,
        gone.every(Boolean),
        locked.includes(block.index),
      ];
    }),
  };
}

export const architecture: Maker = {
  table: architectureTable,
  measured: ({ model }) => ({
    settings: model.current ? endsOf(model.current.summary) : {},
    device: null,
    words: '',
  }),
};

const endsOf = ({ embedding, head }: ModelSummary) => ({ embedding, head });
