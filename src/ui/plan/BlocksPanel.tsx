// The plan: how many blocks to remove, and which; folded on narrow screens.

import { useState } from 'react';
import { command } from '../../state/commands.ts';
import { currentOrder, droppable, knownOrders } from '../../state/criteria/orders.ts';
import { endsLocked } from '../../state/plan/locks.ts';
import { isOwnChoice, keptWords } from '../../state/plan/selectors.ts';
import { countSublayers } from '../../state/plan/unitWords.ts';
import { droppableSublayers, showsSublayers } from '../../state/sublayers/selectors.ts';
import { type Unit, wholeBlocks } from '../../units.ts';
import { GoalSection } from '../goal/GoalSection.tsx';
import { CommandButton } from '../kit/CommandButton.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import { useWide } from '../useWide.ts';
import { BlockList } from './BlockList.tsx';
import css from './blocks.module.css';

export function BlocksPanel() {
  const model = useStudio((state) => state.model.current);
  const removed = useStudio((state) => state.plan.present.removed);
  const own = useStudio(isOwnChoice);
  const wide = useWide();
  if (!model) return null;
  const count = `${keptWords(model, removed)} kept${own ? ', edited by hand' : ''}`;
  const body = (
    <>
      <RemoveLowest removed={removed} />
      <LockEnds />
      <GoalSection />
      <BlockList />
    </>
  );
  if (wide) {
    return (
      <section className={kit.card} aria-labelledby="blocks-title">
        <div className={css.head}>
          <div>
            <h2 id="blocks-title">Blocks</h2>
            <span className={kit.sub} data-testid="kept-count">
              {count}
            </span>
          </div>
          <CommandButton id="keep-all" label="Keep all" />
        </div>
        {body}
      </section>
    );
  }
  return (
    <section className={kit.card} aria-labelledby="blocks-title">
      <details>
        <summary>
          <h2 id="blocks-title" style={{ display: 'inline' }}>
            Blocks
          </h2>{' '}
          <span className={kit.sub} data-testid="kept-count">
            {count}
          </span>
        </summary>
        <div className={css.folded}>
          <CommandButton id="keep-all" label="Keep all" />
          {body}
        </div>
      </details>
    </section>
  );
}

function RemoveLowest({ removed }: { removed: readonly Unit[] }) {
  const ofSublayers = useStudio(showsSublayers);
  const most = useStudio((state) =>
    showsSublayers(state) ? droppableSublayers(state) : droppable(state),
  );
  const count = ofSublayers ? countSublayers(removed) : wholeBlocks(removed).length;
  const hasOrder = useStudio((state) => currentOrder(state) !== null);
  const refusal = useStudio((state) => state.plan.refusal);
  const actions = useActions();
  /** What is being typed; null shows the plan. */
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <>
      <div className={css.controls}>
        <label htmlFor="lowest">{ofSublayers ? 'Remove sublayers' : 'Remove lowest'}</label>
        <input
          id="lowest"
          type="range"
          min="0"
          max={most}
          value={Math.min(count, most)}
          disabled={!hasOrder && !ofSublayers}
          data-testid="drop-lowest"
          onChange={(event) => actions.dropLowest(event.target.valueAsNumber)}
        />
        <input
          type="number"
          min="0"
          value={typed ?? count}
          disabled={!hasOrder && !ofSublayers}
          aria-label={`Number of ${ofSublayers ? 'sublayers' : 'blocks'} to remove`}
          data-testid="drop-count"
          onChange={(event) => {
            setTyped(event.target.value);
            const k = event.target.valueAsNumber;
            if (Number.isInteger(k) && k >= 0) actions.dropLowest(k);
          }}
          onBlur={() => setTyped(null)}
        />
      </div>
      {!ofSublayers && <OrderBy />}
      {refusal && (
        <p className={css.refusal} role="status" data-testid="refusal">
          {refusal}
        </p>
      )}
    </>
  );
}

/** The criterion that says what is lowest, once there are several. */
function OrderBy() {
  const orders = useStudio(knownOrders);
  const order = useStudio(currentOrder);
  const actions = useActions();
  if (orders.length < 2 || !order) return null;
  return (
    <div className={css.orderBy}>
      <label htmlFor="order-by">lowest by</label>
      <select
        id="order-by"
        value={order.name}
        data-testid="order-by"
        onChange={(event) => actions.setOrder(event.target.value)}
      >
        {orders.map(({ name, label, contiguous }) => (
          <option key={name} value={name}>
            {name === 'ppl' ? 'perplexity' : label}
            {contiguous && ', neighbouring blocks'}
          </option>
        ))}
      </select>
    </div>
  );
}

function LockEnds() {
  const on = useStudio(endsLocked);
  const actions = useActions();
  return (
    <label className={css.lockEnds}>
      <input
        type="checkbox"
        checked={on}
        data-testid="lock-ends"
        onChange={() => actions.lockEnds(!on)}
      />
      {command('lock-ends').label}
    </label>
  );
}
