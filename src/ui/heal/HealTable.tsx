// What a healing has come to on each text: perplexity of the original, the pruned and the healed
// model, and of the original trained on the same text.

import type { HealedMeasure } from '../../model/healing/healing.ts';
import { COLUMNS, HEAL, predictedWords, SETS } from '../../words/heal.ts';
import { formatOriginal, formatPruned } from '../format.ts';
import { type Column, DataTable } from '../kit/DataTable.tsx';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import css from './heal.module.css';

export function HealTable({ measured }: { measured: readonly HealedMeasure[] }) {
  const controlled = measured.some(({ control }) => control !== null);
  const columns: Column[] = [
    { key: 'text', title: <Term id="perplexity">{COLUMNS.text}</Term>, text: true },
    { key: 'original', title: COLUMNS.original },
    { key: 'pruned', title: COLUMNS.pruned },
    { key: 'healed', title: COLUMNS.healed },
  ];
  if (controlled)
    columns.push({ key: 'control', title: <Term id="control">{COLUMNS.control}</Term> });
  return (
    <div className={css.scroll}>
      <DataTable
        testId="heal-table"
        caption={HEAL.measured}
        captionHidden
        className={css.table}
        columns={columns}
      >
        {measured.map((one) => (
          <Row key={`${one.set} ${one.name}`} one={one} controlled={controlled} />
        ))}
      </DataTable>
    </div>
  );
}

function Row({ one, controlled }: { one: HealedMeasure; controlled: boolean }) {
  const { set, name, predicted, original, pruned, control, healed } = one;
  // What healing has seen is no evidence, and looks so.
  const seen = set === 'fit';
  return (
    <tr data-testid={`healed-${set}`} className={seen ? css.seen : undefined}>
      <th scope="row">
        {set === 'held-out' ? <Term id="heldOut">{SETS[set]}</Term> : SETS[set]}
        <div className={kit.sub}>
          {name}, {predictedWords(predicted)}
        </div>
      </th>
      <td>{formatOriginal(original)}</td>
      <td>{formatPruned(pruned, original)}</td>
      <td className={css.healed}>
        {formatPruned(healed, original)}
        <Sign better={healed < pruned} worse={healed > pruned} />
      </td>
      {controlled && <td>{control === null ? '–' : formatPruned(control, original)}</td>}
    </tr>
  );
}

/** Better or worse than the pruned model; never by colour alone. */
function Sign({ better, worse }: { better: boolean; worse: boolean }) {
  if (!better && !worse) return null;
  return (
    <small className={better ? kit.good : kit.bad}> {better ? HEAL.better : HEAL.worse}</small>
  );
}
