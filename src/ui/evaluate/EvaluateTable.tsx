// The evaluations of this session side by side.

import { isOfPlan } from '../../state/evaluate/selectors.ts';
import { type Evaluated, evaluationKey } from '../../state/evaluate/state.ts';
import { healingWords } from '../../state/heal/selectors.ts';
import { listUnits } from '../../state/plan/unitWords.ts';
import { EVALUATION, planWords, usePlan } from '../../words/quality.ts';
import { formatOriginal, formatPruned } from '../format.ts';
import { type Column, DataTable } from '../kit/DataTable.tsx';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './evaluate.module.css';

const { columns } = EVALUATION;

const COLUMNS: readonly Column[] = [
  { key: 'plan', title: columns.plan, text: true },
  { key: 'text', title: columns.text, text: true },
  { key: 'segments', title: <Term id="segments">{columns.segments}</Term> },
  { key: 'bos', title: <Term id="bos">{columns.bos}</Term> },
  { key: 'original', title: columns.original },
  { key: 'pruned', title: columns.pruned },
  { key: 'top1', title: <Term id="top1">{columns.top1}</Term> },
  { key: 'kl', title: <Term id="kl">{columns.kl}</Term> },
];

export function EvaluateTable() {
  const results = useStudio((state) => state.evaluate.results);
  return (
    <div>
      <div className={css.scroll}>
        <DataTable
          testId="evaluate-table"
          caption={EVALUATION.table}
          captionHidden
          className={css.table}
          columns={COLUMNS}
        >
          {results.map((one) => (
            <Row key={evaluationKey(one.result)} one={one} />
          ))}
        </DataTable>
      </div>
      <p className={kit.sub}>{EVALUATION.howToCompare}</p>
    </div>
  );
}

function Row({ one: { result, whole } }: { one: Evaluated }) {
  const present = useStudio((state) => isOfPlan(result, state.plan.present));
  const how = useStudio((state) => healingWords(state, result.healing));
  const actions = useActions();
  const {
    removed,
    healing,
    text,
    segments,
    segment,
    stride,
    bos,
    original,
    plan,
    top1Agreement,
    klDivergence,
  } = result;
  const units = planWords(removed.length > 0 ? listUnits(removed) : null);
  const name = how ? `${units}, ${how}` : units;
  return (
    <tr>
      <th scope="row">
        <button
          type="button"
          className={`${kit.quiet} ${css.plan}`}
          aria-pressed={present}
          title={usePlan(name)}
          onClick={() => actions.setRemoved(removed, healing)}
        >
          {name}
        </button>
      </th>
      <td className={css.text} title={text.name}>
        {text.name}
      </td>
      <td>
        {segments} × {segment}
        {stride !== null && `, stride ${stride}`}
        {!whole && <span className={css.mark}> {EVALUATION.stopped}</span>}
      </td>
      <td>{bos === 'every' ? EVALUATION.every : EVALUATION.none}</td>
      <td>{formatOriginal(original.nll)}</td>
      <td>{plan ? formatPruned(plan.nll, original.nll) : '–'}</td>
      <td>{top1Agreement === null ? '–' : `${(top1Agreement * 100).toFixed(1)} %`}</td>
      <td>{klDivergence === null ? '–' : klDivergence.toPrecision(3)}</td>
    </tr>
  );
}
