// The head of a table that compares two columns.

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
