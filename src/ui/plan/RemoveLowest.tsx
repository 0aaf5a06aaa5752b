// How many of the least important blocks to remove, and by which order.

import { useId, useState } from 'react';
import { currentOrder, knownOrders } from '../../state/criteria/orders.ts';
import { engineJob } from '../../state/jobs.ts';
import { noNumbers } from '../../state/score/selectors.ts';
import { showsSublayers } from '../../state/sublayers/selectors.ts';
import { BLOCKS, countLabel, leastWords } from '../../words/blocks.ts';
import { useActions, useStudio } from '../studioContext.ts';
import css from './blocks.module.css';
import { hasOrder, LowestSlider, lowestCount } from './LowestSlider.tsx';

export function RemoveLowest() {
  const ofSublayers = useStudio(showsSublayers);
  const count = useStudio(lowestCount);
  const usable = useStudio(hasOrder);
  const busy = useStudio((state) => engineJob(state) !== null);
  const none = useStudio((state) => (noNumbers(state) ? BLOCKS.noRanking : BLOCKS.scoreFirst));
  const refusal = useStudio((state) => state.plan.refusal);
  const actions = useActions();
  const hint = useId();
  /** What is being typed; null shows the plan. */
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <div className={css.lowest}>
      <label className={css.count}>
        {BLOCKS.remove}{' '}
        <input
          type="number"
          min="0"
          value={typed ?? count}
          disabled={!usable}
          aria-label={countLabel(ofSublayers)}
          aria-describedby={hint}
          data-testid="drop-count"
          onChange={(event) => {
            setTyped(event.target.value);
            const k = event.target.valueAsNumber;
            if (Number.isInteger(k) && k >= 0) actions.dropLowest(k);
          }}
          onBlur={() => setTyped(null)}
        />{' '}
        {leastWords(ofSublayers, count)}
      </label>
      <LowestSlider testId="drop-lowest" hint={hint} />
      <p id={hint} className={css.hint}>
        {!usable && (busy ? BLOCKS.busy : none)}
      </p>
      {!ofSublayers && <OrderBy />}
      {refusal && (
        <p className={css.refusal} data-testid="refusal">
          {refusal}
        </p>
      )}
    </div>
  );
}

/** The criterion that says what is least important, once there are several. */
function OrderBy() {
  const orders = useStudio(knownOrders);
  const order = useStudio(currentOrder);
  const actions = useActions();
  if (orders.length < 2 || !order) return null;
  return (
    <div className={css.orderBy}>
      <label htmlFor="order-by">{BLOCKS.orderBy}</label>
      <select
        id="order-by"
        value={order.name}
        data-testid="order-by"
        onChange={(event) => actions.setOrder(event.target.value)}
      >
        {orders.map(({ name, label, contiguous }) => (
          <option key={name} value={name}>
            {name === 'ppl' ? BLOCKS.perplexity : label}
            {contiguous && BLOCKS.contiguous}
          </option>
        ))}
      </select>
    </div>
  );
}
