// One row per criterion: whether it is drawn, how far it agrees with perplexity and where it does
// not, what it would remove, and the button that makes its order the current one.

import { useId } from 'react';
import { currentOrder } from '../../state/criteria/orders.ts';
import {
  type BestSpan,
  bestSpan,
  type CriterionView,
  criteriaView,
  REFERENCE,
  spanOf,
} from '../../state/criteria/selectors.ts';
import { unlockedBlocks } from '../../state/plan/locks.ts';
import { wholeBlocks } from '../../units.ts';
import { listed } from '../format.ts';
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
  const { option } = criterion.criterion;
  const shown = useStudio((state) => state.criteria.shown);
  const hasPpl = useStudio((state) => state.score.curve !== null);
  const isCurrent = useStudio((state) => currentOrder(state)?.name === name);
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
        {name !== REFERENCE && hasPpl && (
          <>
            <small>Spearman with PPL</small>{' '}
            <b data-testid={`spearman-${name}`}>{spearman === null ? '–' : signed(spearman)}</b>
          </>
        )}
      </span>
      <button
        type="button"
        aria-pressed={isCurrent}
        aria-describedby={id}
        title="Remove the least important blocks by this criterion"
        data-testid={`use-${name}`}
        onClick={() => actions.setOrder(name)}
      >
        {isCurrent ? 'Current' : 'Use this order'}
      </button>
      <p className={css.words}>
        <Words criterion={criterion} />
      </p>
      {option === 'span' && <Span />}
    </li>
  );
}

const blocksOf = ({ first, count }: BestSpan) =>
  count === 1 ? `block ${first}` : `blocks ${first} to ${first + count - 1}`;

const signed = (value: number) => `${value < 0 ? '−' : ''}${Math.abs(value).toFixed(2)}`;

/** What it would remove first, and where its ranks differ most from those by perplexity. */
function Words({ criterion: { take, apart } }: { criterion: CriterionView }) {
  const free = useStudio(unlockedBlocks);
  const count = useStudio((state) => wholeBlocks(state.plan.present.removed).length || 3);
  const lowest = take(free, count);
  const first =
    lowest.length > 0
      ? `The ${lowest.length === 1 ? '' : `${lowest.length} `}lowest: ${listed(lowest)}.`
      : 'No block can be removed.';
  const where = apart.map(
    ({ block, rank, pplRank }) => `block ${block} (rank ${rank}, by PPL ${pplRank})`,
  );
  return `${first}${where.length > 0 ? ` Differs most from PPL: ${listed(where)}.` : ''}`;
}

/** Number of contiguous blocks that one score is of, and the best of them. */
function Span() {
  const span = useStudio(spanOf);
  const most = useStudio((state) => Math.max(1, (state.model.current?.summary.numBlocks ?? 2) - 1));
  const best = useStudio(bestSpan);
  const actions = useActions();
  const id = useId();
  return (
    <p className={css.span}>
      <label htmlFor={id}>Contiguous blocks</label>
      <WholeNumber
        id={id}
        value={span}
        min={1}
        max={most}
        testId="angular-span"
        onChange={(next) => actions.setCriteria({ span: next })}
      />
      <span className={kit.sub} data-testid="best-span">
        {best ? `best: ${blocksOf(best)} (${best.words})` : 'too few unlocked blocks in a row'}
      </span>
    </p>
  );
}
