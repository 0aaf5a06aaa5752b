// Evaluations and generated texts as tables. Pure.

import type { EvaluatedSide } from '../../contract/evaluate.ts';
import type { Cell } from '../../csv.ts';
import { formatUnits } from '../../units.ts';
import { columnHeads as heads } from '../../words/takeaway/files.ts';
import { deviceName } from '../device/selectors.ts';
import { protocolWords } from '../evaluate/selectors.ts';
import { divergence } from '../generate/selectors.ts';
import { healingWords } from '../heal/selectors.ts';
import type { StudioState } from '../state.ts';
import type { Maker } from './maker.ts';
import { type Column, pplOf, type Table } from './table.ts';

const sideColumns = (name: string, head: string): Column[] => [
  { name: `${name}_nll_nats`, head, kind: 'nll' },
  { name: `${name}_ppl`, kind: 'number' },
  { name: `${name}_nll_low_nats`, head: heads.low, kind: 'nll' },
  { name: `${name}_nll_high_nats`, head: heads.high, kind: 'nll' },
];

const sideCells = (side: EvaluatedSide | null): Cell[] => [
  side?.nll ?? null,
  pplOf(side?.nll),
  side?.ci95[0] ?? null,
  side?.ci95[1] ?? null,
];

function evaluationTable(state: StudioState): Table {
  return {
    columns: [
      { name: 'text', head: heads.text, kind: 'text' },
      { name: 'text_sha256', kind: 'text' },
      { name: 'protocol', head: heads.protocol, kind: 'text' },
      { name: 'removed', head: heads.plan, kind: 'text' },
      { name: 'segment_tokens', kind: 'count' },
      { name: 'stride_tokens', kind: 'count' },
      { name: 'bos', kind: 'text' },
      { name: 'segments', kind: 'count' },
      { name: 'segments_of_text', kind: 'count' },
      { name: 'predicted_tokens', head: heads.tokens, kind: 'count' },
      ...sideColumns('original', heads.original),
      ...sideColumns('pruned', heads.pruned),
      { name: 'kl_divergence_nats', head: heads.kl, kind: 'score' },
      { name: 'top1_agreement', head: heads.top1, kind: 'share' },
      { name: 'device', kind: 'text' },
      { name: 'seconds', kind: 'seconds' },
      { name: 'whole', kind: 'flag' },
      { name: 'healing', head: heads.healing, kind: 'text' },
    ],
    rows: state.evaluate.results.map(({ result, whole }) => [
      result.text.name,
      result.text.sha256,
      protocolWords(result),
      formatUnits(result.removed),
      result.segment,
      result.stride,
      result.bos,
      result.segments,
      result.totalSegments,
      result.predicted,
      ...sideCells(result.original),
      ...sideCells(result.plan),
      result.klDivergence,
      result.top1Agreement,
      deviceName(result.device),
      result.seconds,
      whole,
      healingWords(state, result.healing),
    ]),
  };
}

export const evaluation: Maker = {
  table: evaluationTable,
  measured({ evaluate: { results } }) {
    const [newest] = results;
    return {
      settings: { warnings: [...new Set(results.flatMap(({ result }) => result.warnings))] },
      device: newest?.result.device ?? null,
      words: newest ? `${protocolWords(newest.result)}, ${deviceName(newest.result.device)}` : '',
    };
  },
};

function textsTable(state: StudioState): Table {
  const { shown } = state.generate;
  const sides = (['original', 'pruned'] as const).flatMap((which) => {
    const side = shown?.sides[which];
    return side ? [{ which, side }] : [];
  });
  return {
    columns: [
      { name: 'model', head: heads.model, kind: 'text' },
      { name: 'removed', kind: 'text' },
      { name: 'text', head: heads.text, kind: 'text' },
      { name: 'new_tokens', head: heads.newTokens, kind: 'count' },
      { name: 'ttft_s', head: heads.ttft, kind: 'seconds' },
      { name: 'seconds', kind: 'number' },
      { name: 'tok_per_s', head: heads.rate, kind: 'rate' },
      { name: 'ended_by', kind: 'text' },
      { name: 'healing', kind: 'text' },
    ],
    rows: sides.map(({ which, side }) => [
      heads[which],
      which === 'pruned' ? formatUnits(shown?.removed ?? []) : '',
      side.text,
      side.tokens,
      side.ttft,
      side.seconds,
      side.seconds > 0 ? side.tokens / side.seconds : null,
      side.done ?? '',
      which === 'pruned' && shown ? healingWords(state, shown.healing) : '',
    ]),
  };
}

export const texts: Maker = {
  table: textsTable,
  measured(state) {
    const { shown } = state.generate;
    const form = shown?.form;
    const info = (shown?.sides.pruned ?? shown?.sides.original)?.info;
    return {
      settings: {
        mode: shown?.mode,
        prompt: shown?.prompt?.text ?? form?.prompt,
        promptTokens: shown?.prompt?.ids.length ?? null,
        sampling: form?.sampling,
        mostNewTokens: form?.tokens,
        firstDifference: divergence(state),
      },
      device: info?.device ?? null,
      words: info ? deviceName(info.device) : '',
    };
  },
};
