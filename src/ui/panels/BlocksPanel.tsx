// The left column: drop the lowest, protection of the ends, the block list. On narrow screens it folds.

import { command, endsProtected } from '../../state/commands.ts';
import { droppable, isOwnChoice, keptCount } from '../../state/selectors.ts';
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
  const count = `${keptCount(model, removed)} of ${model.summary.numBlocks} kept${own ? ', own choice' : ''}`;
  const body = (
    <>
      <DropLowest count={removed.length} />
      <Protect />
      <BlockList />
    </>
  );
  if (wide) {
    return (
      <section className={kit.card} aria-labelledby="blocks-title">
        <div className={kit.head}>
          <h2 id="blocks-title">Blocks</h2>
          <span className={kit.sub} data-testid="kept-count">
            {count}
          </span>
          <span className={kit.grow} />
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
        <div style={{ marginTop: 10 }}>{body}</div>
      </details>
    </section>
  );
}

function DropLowest({ count }: { count: number }) {
  const most = useStudio(droppable);
  const hasCurve = useStudio((state) => state.score.curve !== null);
  const refusal = useStudio((state) => state.plan.refusal);
  const actions = useActions();
  return (
    <>
      <div className={css.controls}>
        <label htmlFor="lowest">Drop the lowest</label>
        <input
          id="lowest"
          type="range"
          min="0"
          max={most}
          value={Math.min(count, most)}
          disabled={!hasCurve}
          data-testid="drop-lowest"
          onChange={(event) => actions.dropLowest(event.target.valueAsNumber)}
        />
        <input
          type="number"
          min="0"
          value={count}
          disabled={!hasCurve}
          aria-label="Number of blocks to drop"
          data-testid="drop-count"
          onChange={(event) => {
            const k = event.target.valueAsNumber;
            if (Number.isInteger(k) && k >= 0) actions.dropLowest(k);
          }}
        />
      </div>
      {refusal && (
        <p className={css.refusal} role="status" data-testid="refusal">
          {refusal}
        </p>
      )}
    </>
  );
}

function Protect() {
  const on = useStudio(endsProtected);
  const actions = useActions();
  return (
    <label className={css.protect}>
      <input type="checkbox" checked={on} data-testid="protect-ends" onChange={() => actions.protectEnds(!on)} />
      {command('protect-ends').label}
    </label>
  );
}
