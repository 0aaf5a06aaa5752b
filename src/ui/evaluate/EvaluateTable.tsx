// Evaluations of the session beside each other: plan, text, segments, BOS and what came out. A plan
// can be taken.

import { evaluationKey } from '../../state/evaluate/selectors.ts';
import type { Evaluated } from '../../state/evaluate/state.ts';
import { listUnits } from '../../state/plan/unitWords.ts';
import { formatPpl } from '../format.ts';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import css from './evaluate.module.css';

export function EvaluateTable() {
  const results = useStudio((state) => state.evaluate.results);
  return (
    <div>
      <div className={css.scroll}>
        <table className={css.table} data-testid="evaluate-table">
          <caption className={kit.hidden}>Evaluations of this model</caption>
          <thead>
            <tr>
              <th scope="col">plan</th>
              <th scope="col" className={css.text}>
                text
              </th>
              <th scope="col">segments</th>
              <th scope="col">BOS</th>
              <th scope="col">original PPL</th>
              <th scope="col">plan PPL</th>
              <th scope="col">same token</th>
              <th scope="col">KL, nats</th>
            </tr>
          </thead>
          <tbody>
            {results.map((one) => (
              <Row key={evaluationKey(one.result)} one={one} />
            ))}
          </tbody>
        </table>
      </div>
      <p className={kit.sub}>
        Compare rows of the same text, segments and BOS. A click on a plan takes it.
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
          title={`Take the plan ${name}`}
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
      <td>{bos === 'every' ? 'each' : 'no'}</td>
      <td>{formatPpl(original.nll)}</td>
      <td>{plan ? formatPpl(plan.nll) : '–'}</td>
      <td>{top1Agreement === null ? '–' : `${(top1Agreement * 100).toFixed(1)} %`}</td>
      <td>{klDivergence === null ? '–' : klDivergence.toPrecision(3)}</td>
    </tr>
  );
}
