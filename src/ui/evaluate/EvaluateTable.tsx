// The evaluations of this session side by side.

import { type Evaluated, evaluationKey } from '../../state/evaluate/state.ts';
import { listUnits } from '../../state/plan/unitWords.ts';
import { formatPpl } from '../format.ts';
import { type Column, DataTable } from '../kit/DataTable.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import css from './evaluate.module.css';

const COLUMNS: readonly Column[] = [
  { key: 'plan', title: 'plan', text: true },
  { key: 'text', title: 'text', text: true },
  { key: 'segments', title: 'segments' },
  { key: 'bos', title: 'BOS' },
  { key: 'original', title: 'original PPL' },
  { key: 'pruned', title: 'pruned PPL' },
  { key: 'top1', title: 'same top token' },
  { key: 'kl', title: 'KL, nats' },
];

export function EvaluateTable() {
  const results = useStudio((state) => state.evaluate.results);
  return (
    <div>
      <div className={css.scroll}>
        <DataTable
          testId="evaluate-table"
          caption="Evaluations of this model"
          captionHidden
          className={css.table}
          columns={COLUMNS}
        >
          {results.map((one) => (
            <Row key={evaluationKey(one.result)} one={one} />
          ))}
        </DataTable>
      </div>
      <p className={kit.sub}>
        Compare rows of the same text, segments and BOS. Click a plan to use it.
      </p>
    </div>
  );
}

function Row({ one: { result, whole } }: { one: Evaluated }) {
  const present = useStudio((state) => state.plan.present.removed.join());
  const actions = useActions();
  const {
    removed,
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
  const name = removed.length > 0 ? `without ${listUnits(removed)}` : 'all blocks';
  return (
    <tr>
      <th scope="row">
        <button
          type="button"
          className={`${kit.quiet} ${css.plan}`}
          aria-pressed={removed.join() === present}
          title={`Use the plan ${name}`}
          onClick={() => actions.setRemoved(removed)}
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
        {!whole && <span className={css.mark}> stopped</span>}
      </td>
      <td>{bos === 'every' ? 'every' : 'no'}</td>
      <td>{formatPpl(original.nll)}</td>
      <td>{plan ? formatPpl(plan.nll) : '–'}</td>
      <td>{top1Agreement === null ? '–' : `${(top1Agreement * 100).toFixed(1)} %`}</td>
      <td>{klDivergence === null ? '–' : klDivergence.toPrecision(3)}</td>
    </tr>
  );
}
