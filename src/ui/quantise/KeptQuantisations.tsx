// The quantisations that are kept for the model: of which plan, how large, to be shown or erased.

import { agoWords } from '../../ago.ts';
import type { KeptQuantisation } from '../../contract/quantise.ts';
import { formatBytes } from '../../quantities.ts';
import { hasLostHealing, wordsOf } from '../../state/quantise/selectors.ts';
import { defaultName } from '../../state/variants/names.ts';
import { KEPT } from '../../words/quantise.ts';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import { useMinute } from '../useMinute.ts';
import css from './quantise.module.css';

export function KeptQuantisations() {
  const shelf = useStudio((state) => state.quantise.shelf);
  if (!shelf || shelf.quantisations.length === 0) return null;
  const { quantisations, bytes, mostBytes } = shelf;
  return (
    <details className={css.kept} data-testid="quantise-kept-list">
      <summary>
        {KEPT.title} <span className={kit.sub}>{quantisations.length}</span>
      </summary>
      <ul>
        {quantisations.map((one) => (
          <Kept key={one.id} one={one} />
        ))}
      </ul>
      <p className={kit.sub}>{KEPT.size(formatBytes(bytes), formatBytes(mostBytes))}</p>
    </details>
  );
}

function Kept({ one }: { one: KeptQuantisation }) {
  const shown = useStudio((state) => state.quantise.shown === one.id);
  const isLost = useStudio((state) => hasLostHealing(state, one));
  const actions = useActions();
  const now = useMinute();
  const name = `${defaultName(one.quantisation.removed)}, ${wordsOf(one)}`;
  return (
    <li data-testid="quantise-kept-row">
      <span className={css.about}>
        <b>{name}</b>{' '}
        <span className={kit.sub}>
          {agoWords(now - one.savedAt)}, {formatBytes(one.bytes)}
          {!one.stored && `, ${KEPT.notStored}`}
          {isLost && `, ${KEPT.lostHealing}`}
        </span>
      </span>
      <button
        type="button"
        aria-pressed={shown}
        aria-label={`${KEPT.show}: ${name}`}
        onClick={() => actions.showQuantisation(one.id)}
      >
        {KEPT.show}
      </button>
      <button
        type="button"
        className={kit.quiet}
        aria-label={`${KEPT.erase}: ${name}`}
        onClick={() => void actions.forgetQuantisation(one.id)}
      >
        {KEPT.erase}
      </button>
    </li>
  );
}
