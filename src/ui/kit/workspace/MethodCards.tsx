// One of several methods, each on a card with what it does and what it takes.

import kit from '../kit.module.css';
import css from './methodCards.module.css';

interface MethodCard<Method extends string> {
  method: Method;
  name: string;
  /** What it does and what it takes, or why it cannot be chosen. */
  about: string;
  isOff?: boolean;
}

interface Props<Method extends string> {
  /** Before the ids of its elements: "heal", "quantise". */
  id: string;
  cards: readonly MethodCard<Method>[];
  chosen: Method;
  onChoose(method: Method): void;
}

export function MethodCards<Method extends string>({ id, cards, chosen, onChoose }: Props<Method>) {
  return (
    <div className={css.cards}>
      {cards.map(({ method, name, about, isOff = false }) => (
        <div key={method} className={css.card} data-chosen={method === chosen} data-off={isOff}>
          <label>
            <input
              type="radio"
              name={`${id}-method`}
              checked={method === chosen}
              disabled={isOff}
              aria-describedby={`${id}-${method}-does`}
              data-testid={`${id}-${method}`}
              onChange={() => onChoose(method)}
            />{' '}
            <b>{name}</b>
          </label>
          <p id={`${id}-${method}-does`} className={kit.sub}>
            {about}
          </p>
        </div>
      ))}
    </div>
  );
}
