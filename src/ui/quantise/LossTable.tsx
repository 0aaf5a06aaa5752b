// What each step costs on each text: perplexity, nats against the step before, KL and agreement
// against the original.

import { lossParts } from '../../model/quantise/lossParts.ts';
import type { QuantisedMeasure, QuantisedPart } from '../../model/quantise/quantisation.ts';
import { predictedWords } from '../../words/heal.ts';
import { OUTCOME, SETS, STAGES, signedNats } from '../../words/quantise.ts';
import { formatOriginal, formatPruned } from '../format.ts';
import { type Column, DataTable } from '../kit/DataTable.tsx';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import css from './quantise.module.css';

const { columns: HEADS } = OUTCOME;

const COLUMNS: readonly Column[] = [
  { key: 'step', title: HEADS.step, text: true },
  { key: 'perplexity', title: <Term id="perplexity">{HEADS.perplexity}</Term> },
  { key: 'costs', title: <Term id="nats">{HEADS.costs}</Term> },
  { key: 'kl', title: <Term id="kl">{HEADS.kl}</Term> },
  { key: 'top1', title: <Term id="top1">{HEADS.top1}</Term> },
];

export function LossTable({ measured }: { measured: readonly QuantisedMeasure[] }) {
  return (
    <div className={css.scroll}>
      <DataTable
        testId="quantise-losses"
        caption={OUTCOME.caption}
        captionHidden
        className={`${css.losses} ${css.table}`}
        columns={COLUMNS}
      >
        {measured.map((one) => (
          <Rows key={`${one.set} ${one.name}`} one={one} />
        ))}
      </DataTable>
    </div>
  );
}

function Rows({ one }: { one: QuantisedMeasure }) {
  const original = one.original.nll;
  return (
    <>
      <tr className={css.text}>
        <th scope="rowgroup" colSpan={COLUMNS.length}>
          {SETS[one.set]}{' '}
          <span className={kit.sub}>
            {one.name}, {predictedWords(one.predicted)}
          </span>
        </th>
      </tr>
      <tr data-testid={`loss-${one.set}-original`}>
        <th scope="row">{STAGES.original}</th>
        <td>{formatOriginal(original)}</td>
        <td />
        <td />
        <td />
      </tr>
      {lossParts(one).map(({ stage, part, costs }) => (
        <tr
          key={stage}
          className={stage === 'quantised' ? css.last : undefined}
          data-testid={`loss-${one.set}-${stage}`}
        >
          <th scope="row">{STAGES[stage]}</th>
          <Numbers part={part} costs={costs} original={original} />
        </tr>
      ))}
    </>
  );
}

interface NumbersProps {
  part: QuantisedPart;
  costs: number;
  original: number;
}

function Numbers({ part, costs, original }: NumbersProps) {
  const { nll, klDivergence, top1Agreement } = part;
  return (
    <>
      <td>{formatPruned(nll, original)}</td>
      <td>{signedNats(costs)}</td>
      <td>{klDivergence === null ? '–' : klDivergence.toFixed(4)}</td>
      <td>{top1Agreement === null ? '–' : `${(100 * top1Agreement).toFixed(1)} %`}</td>
    </>
  );
}
