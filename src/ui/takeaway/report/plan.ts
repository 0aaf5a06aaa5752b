// The sections of a report about the plan: what it removes, what that does, and how fast it runs.

import { formatBytes } from '../../../quantities.ts';
import { currentOrder } from '../../../state/criteria/orders.ts';
import { effectView } from '../../../state/effect/selectors.ts';
import { activeHealing } from '../../../state/heal/selectors.ts';
import { isOwnChoice } from '../../../state/plan/selectors.ts';
import { listUnits } from '../../../state/plan/unitWords.ts';
import type { StudioState } from '../../../state/state.ts';
import { speed, sweep } from '../../../state/takeaway/speed.ts';
import type { Table } from '../../../state/takeaway/table.ts';
import { healedWords } from '../../../words/healing.ts';
import { columnHeads as heads } from '../../../words/takeaway/files.ts';
import { FACTS, LEADS, REPORT, REPORT_WORDS as W } from '../../../words/takeaway/report.ts';
import { formatChange, formatCount, formatPpl } from '../../format.ts';
import type { Part, Section } from './parts.ts';

export function plan(state: StudioState): Section | null {
  const model = state.model.current?.summary;
  if (!model) return null;
  const { removed, locked } = state.plan.present;
  const order = currentOrder(state);
  const facts: [string, string][] = [
    [FACTS.removed, removed.length > 0 ? listUnits(removed) : FACTS.nothing],
  ];
  const healing = activeHealing(state);
  if (healing)
    facts.push([FACTS.healing, W.healedOn(healedWords(healing.methods), healing.record.text.name)]);
  if (locked.length > 0) facts.push([FACTS.locked, locked.join(', ')]);
  if (order && removed.length > 0)
    facts.push([FACTS.order, isOwnChoice(state) ? W.byHand : order.label]);
  const parts: Part[] = [
    ...(removed.length === 0 ? [{ kind: 'text', text: LEADS.planOfNothing } as const] : []),
    { kind: 'facts', rows: facts },
  ];
  if (removed.length > 0)
    parts.push({ kind: 'table', caption: W.effectTable, table: effectTable(state) });
  return { id: 'plan', title: REPORT.plan, parts };
}

/** Formatted already: rows of one table have different units. */
function effectTable(state: StudioState): Table {
  const model = state.model.current!.summary;
  const { original, pruned, healed, stale, size } = effectView(state);
  const row = (name: string, from: number, to: number | undefined, format: typeof formatBytes) => [
    name,
    format(from),
    to === undefined ? '' : format(to),
    to === undefined ? '' : formatChange(from, to),
  ];
  const ppl = (nll: number | undefined) => (nll === undefined ? '' : formatPpl(nll));
  const known = stale ? undefined : pruned?.nll;
  const isCompared = original !== null && known !== undefined;
  return {
    columns: [
      { name: 'quantity', head: heads.quantity, kind: 'text' },
      { name: 'original', head: heads.original, kind: 'number' },
      { name: 'pruned', head: heads.pruned, kind: 'number' },
      { name: 'change', head: W.change, kind: 'number' },
    ],
    rows: [
      ...(original
        ? [
            [
              FACTS.perplexity,
              ppl(original.nll),
              ppl(known) || W.notMeasured,
              isCompared ? formatChange(Math.exp(original.nll), Math.exp(known)) : '',
            ],
            ...(healed
              ? [
                  [
                    FACTS.healedPerplexity,
                    ppl(original.nll),
                    ppl(healed.nll),
                    formatChange(Math.exp(original.nll), Math.exp(healed.nll)),
                  ],
                ]
              : []),
          ]
        : []),
      row(FACTS.size, model.bytes, size?.bytes, formatBytes),
      row(FACTS.parameters, model.params, size?.params, formatCount),
      ...(model.kvBytesPerToken !== null && model.kvBytesPerToken > 0
        ? [row(FACTS.kv, model.kvBytesPerToken, size?.kvBytesPerToken ?? undefined, formatBytes)]
        : []),
    ],
  };
}

export function speeds(state: StudioState): Section | null {
  if (state.speed.known.size === 0) return null;
  const parts: Part[] = [
    { kind: 'text', text: LEADS.speed },
    { kind: 'figure', id: 'speed', caption: speed.measured(state).words },
    { kind: 'table', caption: W.speedTable, table: speed.table(state) },
  ];
  if (state.speed.sweep.shown)
    parts.push(
      { kind: 'figure', id: 'sweep', caption: sweep.measured(state).words },
      { kind: 'table', caption: W.sweepTable, table: sweep.table(state) },
    );
  return { id: 'speed', title: REPORT.speed, parts };
}
