// One line per criterion: whether it is drawn, how far it agrees with perplexity and where not,
// what it would remove, and the button that puts its order in force.

import { useId } from 'react';
import { knownOrders, orderInForce } from '../../state/criteria/orders.ts';
import {
  bestSpan,
  type CriterionView,
  criteriaView,
  freeBlocks,
  spanOf,
} from '../../state/criteria/selectors.ts';
import { wholeBlocks } from '../../units.ts';
import { formatScore, listed } from '../format.ts';
import kit from '../kit/kit.module.css';
import { Sign } from '../kit/Sign.tsx';
import { WholeNumber } from '../kit/WholeNumber.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './criteria.module.css';

export function CriteriaList() {
  const known = useStudio(criteriaView);
  return (
    <ul className={css.list}>
      {known.map((criterion) => (
        <Row key={criterion.name} criterion={criterion} />
      ))}
    </ul>
  );
}

function Row({ criterion }: { criterion: CriterionView }) {
  const { name, label, spearman } = criterion;
  const shown = useStudio((state) => state.criteria.shown);
  const hasPpl = useStudio((state) => state.score.curve !== null);
  const inForce = useStudio((state) => orderInForce(state)?.name === name);
  const actions = useActions();
  const id = useId();
  return (
    <li className={css.row} data-testid={`criterion-${name}`}>
      <label className={css.name}>
        <input
          type="checkbox"
          checked={shown.includes(name)}
          data-testid={`show-${name}`}
          onChange={() =>
            actions.setCriteria({
              shown: shown.includes(name) ? shown.filter((one) => one !== name) : [...shown, name],
            })
          }
        />
        <Sign name={name} />
        <span id={id}>{label}</span>
      </label>
      <span
        className={css.correlation}
        title="Spearman's rank correlation with perplexity, over the blocks"
      >
        {name !== 'ppl' && hasPpl && (
          <>
            <small>Spearman with PPL</small>{' '}
            <b data-testid={`spearman-${name}`}>{spearman === null ? '–' : signed(spearman)}</b>
          </>
        )}
      </span>
      <button
        type="button"
        aria-pressed={inForce}
        aria-describedby={id}
        title="“Drop the lowest” takes its order from this criterion"
        data-testid={`use-${name}`}
        onClick={() => actions.setOrder(name)}
      >
        {inForce ? 'In force' : 'Use this order'}
      </button>
      <p className={css.words}>
        <Words criterion={criterion} />
      </p>
      {name === 'angular' && <Span />}
    </li>
  );
}

const signed = (value: number) => `${value < 0 ? '−' : ''}${Math.abs(value).toFixed(2)}`;

/** What goes first by it, and where it and perplexity are farthest apart. */
function Words({ criterion: { name, apart } }: { criterion: CriterionView }) {
  const free = useStudio(freeBlocks);
  const count = useStudio((state) => wholeBlocks(state.plan.present.removed).length || 3);
  const order = useStudio((state) => knownOrders(state).find((one) => one.name === name) ?? null);
  const gone = order?.take(free, count) ?? [];
  const first =
    gone.length > 0
      ? `The ${gone.length === 1 ? '' : `${gone.length} `}lowest: ${listed(gone)}.`
      : 'No block may go.';
  const where = apart.map(
    ({ block, rank, pplRank }) => `block ${block} (rank ${rank}, by PPL ${pplRank})`,
  );
  return `${first}${where.length > 0 ? ` Farthest from PPL: ${listed(where)}.` : ''}`;
}

/** How many neighbours the angular distance spans. */
function Span() {
  const span = useStudio(spanOf);
  const most = useStudio((state) => Math.max(1, (state.model.current?.summary.numBlocks ?? 2) - 1));
  const best = useStudio(bestSpan);
  const actions = useActions();
  const id = useId();
  return (
    <p className={css.span}>
      <label htmlFor={id}>Neighbours</label>
      <WholeNumber
        id={id}
        value={span}
        min={1}
        max={most}
        testId="angular-span"
        onChange={(next) => actions.setCriteria({ span: next })}
      />
      <span className={kit.sub} data-testid="best-span">
        {best
          ? 'best: ' +
            `${best.count === 1 ? `block ${best.first}` : `blocks ${best.first} to ${best.first + best.count - 1}`}, ` +
            `${formatScore(best.distance)} of a half turn`
          : 'no such neighbours are unlocked'}
      </span>
    </p>
  );
}
