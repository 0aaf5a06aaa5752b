// What a healing has come to, and the losses of its training, as tables. Pure.

import type { KeptHealing } from '../../contract/heal.ts';
import { formatUnits } from '../../units.ts';
import { healedWords, METHOD_NAMES } from '../../words/healing.ts';
import { columnHeads as heads } from '../../words/takeaway/files.ts';
import { deviceName } from '../device/selectors.ts';
import { shownHealing, trainingCurve } from '../heal/selectors.ts';
import type { StudioState } from '../state.ts';
import type { Maker, Measured } from './maker.ts';
import { type Column, pplOf, type Table } from './table.ts';

const SIDES = ['original', 'pruned', 'healed', 'control'] as const;

function healedTable(state: StudioState): Table {
  const healing = shownHealing(state);
  const columns: Column[] = [
    { name: 'text', head: heads.text, kind: 'text' },
    { name: 'part', head: heads.part, kind: 'text' },
    { name: 'predicted_tokens', head: heads.tokens, kind: 'count' },
    ...SIDES.flatMap((side): Column[] => [
      { name: `${side}_nll_nats`, head: heads[side], kind: 'nll' },
      { name: `${side}_ppl`, kind: 'number' },
    ]),
    { name: 'removed', kind: 'text' },
    { name: 'methods', kind: 'text' },
  ];
  const rows = (healing?.record.measured ?? []).map((one) => [
    one.name,
    one.set,
    one.predicted,
    ...SIDES.flatMap((side) => [one[side], pplOf(one[side])]),
    formatUnits(healing!.removed),
    healing!.methods.map((method) => METHOD_NAMES[method]).join(', '),
  ]);
  return { columns, rows };
}

const settingsOf = ({ record, recovered, warnings, stoppedAt, seconds }: KeptHealing) => ({
  text: record.text,
  steps: record.steps.map(({ method, settings, kept, blocks }) => ({
    method,
    settings,
    kept,
    blocks,
  })),
  recovered,
  stoppedAt,
  warnings,
  seconds,
});

function measured(state: StudioState): Measured {
  const healing = shownHealing(state);
  if (!healing) return { settings: {}, device: null, words: '' };
  const { methods, record, device } = healing;
  return {
    settings: settingsOf(healing),
    device,
    words: `${healedWords(methods)} on ${record.text.name}, ${deviceName(device)}`,
  };
}

export const healing: Maker = { table: healedTable, measured };

/** A row for each step; step 0 is before any training. */
function lossTable(state: StudioState): Table {
  const curve = trainingCurve(state);
  const training = new Map(curve?.losses.map(({ step, loss }) => [step, loss]));
  const heldOut = new Map(curve?.heldOut.map(({ step, loss }) => [step, loss]));
  const steps = [...new Set([...training.keys(), ...heldOut.keys()])].sort((a, b) => a - b);
  return {
    columns: [
      { name: 'step', head: heads.step, kind: 'count' },
      { name: 'training_loss_nats', head: heads.trainingLoss, kind: 'score' },
      { name: 'held_out_loss_nats', head: heads.heldOutLoss, kind: 'score' },
      { name: 'kept', kind: 'flag' },
    ],
    rows: steps.map((step) => [
      step,
      training.get(step) ?? null,
      heldOut.get(step) ?? null,
      step === curve?.kept,
    ]),
  };
}

export const losses: Maker = { table: lossTable, measured };
