// What a quantisation has come to, and the matrices of the model, as tables. Pure.

import type { KeptQuantisation } from '../../contract/quantise.ts';
import { lossParts } from '../../model/quantise/lossParts.ts';
import { formatUnits } from '../../units.ts';
import { columnHeads as heads } from '../../words/takeaway/files.ts';
import { deviceName } from '../device/selectors.ts';
import { shownQuantisation, wordsOf } from '../quantise/selectors.ts';
import type { StudioState } from '../state.ts';
import { defaultName } from '../variants/names.ts';
import type { Maker, Measured } from './maker.ts';
import { type Column, pplOf, type Table } from './table.ts';

const COLUMNS: readonly Column[] = [
  { name: 'text', head: heads.text, kind: 'text' },
  { name: 'part', head: heads.part, kind: 'text' },
  { name: 'predicted_tokens', head: heads.tokens, kind: 'count' },
  { name: 'step', head: heads.step, kind: 'text' },
  { name: 'nll_nats', head: heads.ppl, kind: 'nll' },
  { name: 'ppl', kind: 'number' },
  { name: 'step_costs_nats', head: heads.stepCosts, kind: 'number' },
  { name: 'kl_nats', head: heads.kl, kind: 'score' },
  { name: 'top1_agreement', head: heads.top1, kind: 'share' },
];

/** A row for each text and step; what a step costs is held against the one before. */
function lossTable(state: StudioState): Table {
  const measured = shownQuantisation(state)?.quantisation.record.measured ?? [];
  const rows = measured.flatMap((one) => {
    const about = [one.name, one.set, one.predicted];
    const { nll } = one.original;
    return [
      [...about, 'original', nll, pplOf(nll), null, null, null],
      ...lossParts(one).map(({ stage, part, costs }) => [
        ...about,
        stage,
        part.nll,
        pplOf(part.nll),
        costs,
        part.klDivergence,
        part.top1Agreement,
      ]),
    ];
  });
  return { columns: COLUMNS, rows };
}

const settingsOf = ({ dtype, quantisation, asked, bytes, seconds }: KeptQuantisation) => ({
  removed: formatUnits(quantisation.removed),
  dtype,
  ...quantisation.settings,
  forms: quantisation.forms,
  mixed: asked.mixed,
  text: quantisation.record.text,
  bytes,
  seconds,
});

function measured(state: StudioState): Measured {
  const shown = shownQuantisation(state);
  if (!shown) return { settings: {}, device: null, words: '' };
  const { quantisation, device } = shown;
  return {
    settings: settingsOf(shown),
    device,
    words: `${defaultName(quantisation.removed)}, ${wordsOf(shown)}${device ? `, ${deviceName(device)}` : ''}`,
  };
}

export const quantisation: Maker = { table: lossTable, measured };

function matrixTable(state: StudioState): Table {
  const matrices = shownQuantisation(state)?.matrices ?? [];
  return {
    columns: [
      { name: 'tensor', kind: 'text' },
      { name: 'block', head: heads.block, kind: 'count' },
      { name: 'part', head: heads.part, kind: 'text' },
      { name: 'outputs', head: heads.outputs, kind: 'count' },
      { name: 'inputs', head: heads.inputs, kind: 'count' },
      { name: 'sensitivity_nats', head: heads.sensitivity, kind: 'score' },
      { name: 'form', head: heads.form, kind: 'text' },
      { name: 'stored_bytes', head: heads.stored, kind: 'bytes' },
      { name: 'written_bytes', head: heads.written, kind: 'bytes' },
      { name: 'obstacle', kind: 'text' },
    ],
    rows: matrices.map((one) => [
      one.tensor,
      one.block,
      one.part,
      one.outputs,
      one.inputs,
      one.sensitivity,
      String(one.form),
      one.storedBytes,
      one.writtenBytes,
      one.obstacle,
    ]),
  };
}

export const matrices: Maker = { table: matrixTable, measured };
