// The head of a table that holds two things against each other: a name, both values, the change.

import css from './kit.module.css';

export function ComparedHead({ from = 'original', to = 'pruned' }: { from?: string; to?: string }) {
  return (
    <thead>
      <tr>
        <td />
        <th scope="col">{from}</th>
        <th scope="col">{to}</th>
        <th scope="col">
          <span className={css.hidden}>change</span>
        </th>
      </tr>
    </thead>
  );
}
