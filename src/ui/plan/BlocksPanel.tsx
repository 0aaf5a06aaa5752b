// The plan: how many blocks to remove, and which; the list is folded on narrow screens.

import { command } from '../../state/commands.ts';
import { endsLocked } from '../../state/plan/locks.ts';
import { countWords } from '../../state/plan/selectors.ts';
import { BLOCKS } from '../../words/blocks.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import { useWide } from '../useWide.ts';
import { BlockList } from './BlockList.tsx';
import css from './blocks.module.css';
import { RemoveLowest } from './RemoveLowest.tsx';

export function BlocksPanel() {
  const isOpen = useStudio((state) => state.model.current !== null);
  const count = useStudio(countWords);
  const wide = useWide();
  if (!isOpen) return null;
  const list = (
    <>
      <LockEnds />
      <BlockList />
    </>
  );
  return (
    <section className={`${kit.card} ${css.panel}`} aria-labelledby="blocks-title">
      <div className={css.head}>
        <div>
          <h2 id="blocks-title">{BLOCKS.title}</h2>
          <span className={kit.sub} data-testid="kept-count">
            {count}
          </span>
        </div>
        <CommandButton id="keep-all" label={BLOCKS.keepAll} />
      </div>
      <RemoveLowest />
      {wide ? (
        list
      ) : (
        <details className={css.folded} data-testid="block-list">
          <summary>{BLOCKS.showList}</summary>
          {list}
        </details>
      )}
    </section>
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
