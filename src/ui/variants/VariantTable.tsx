// The variants as a table that can be sorted, named and pinned.

import { useState } from 'react';
import { type VariantRow, wayOfRow, waysOf } from '../../state/variants/variants.ts';
import kit from '../kit/kit.module.css';
import { useActions } from '../studioContext.ts';
import { COLUMNS } from './columns.ts';
import css from './variants.module.css';

interface Sort {
  id: string;
  down: boolean;
}

type Order = 'none' | 'ascending' | 'descending';

const ARROWS: Record<Order, string> = { none: '', ascending: ' ↑', descending: ' ↓' };

/** What a click on the head of a column makes of its order. */
const NEXT: Record<Order, (id: string) => Sort | null> = {
  none: (id) => ({ id, down: false }),
  ascending: (id) => ({ id, down: true }),
  descending: () => null,
};

interface Props {
  rows: readonly VariantRow[];
  hover: string | null;
  onHover(key: string | null): void;
}

export function VariantTable({ rows, hover, onHover }: Props) {
  const [sort, setSort] = useState<Sort | null>(null);
  const column = COLUMNS.find(({ id }) => id === sort?.id);
  const sorted = column
    ? [...rows].sort((a, b) => compare(column.value(a), column.value(b), sort?.down ?? false))
    : rows;
  const ways = waysOf(rows);
  const orderOf = (id: string): Order => {
    if (sort?.id !== id) return 'none';
    return sort.down ? 'descending' : 'ascending';
  };
  return (
    <>
      <div className={css.scroll}>
        <table className={css.table}>
          <thead>
            <tr>
              <th scope="col">
                <span className={kit.hidden}>pin to compare</span>
              </th>
              <th scope="col">name</th>
              {COLUMNS.map(({ id, title, hint }) => (
                <th key={id} scope="col" aria-sort={orderOf(id)}>
                  <button
                    type="button"
                    className={css.sort}
                    title={hint}
                    onClick={() => setSort(NEXT[orderOf(id)](id))}
                  >
                    {title}
                    <span aria-hidden="true">{ARROWS[orderOf(id)]}</span>
                  </button>
                </th>
              ))}
              <th scope="col">
                <span className={kit.hidden}>actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {sorted.map((row) => (
              <Row
                key={row.key}
                row={row}
                mark={markOf(row, ways)}
                hovered={hover === row.key}
                onHover={onHover}
              />
            ))}
          </tbody>
        </table>
      </div>
      <Ways ways={ways} />
    </>
  );
}

/** The footnote of a speed that was measured differently from most; '' without one. */
function markOf(row: VariantRow, ways: readonly string[]): string {
  return 'abcdefghij'[ways.indexOf(wayOfRow(row) ?? '') - 1] ?? '';
}

/** How the speeds were measured. */
function Ways({ ways }: { ways: readonly string[] }) {
  if (ways.length === 0) return null;
  return (
    <p className={`${kit.sub} ${css.ways}`} data-testid="variants-ways">
      Speeds: {ways[0]}.
      {ways.slice(1).map((way, i) => (
        <span key={way}>
          {' '}
          <b>{'abcdefghij'[i]}</b> {way}.
        </span>
      ))}
    </p>
  );
}

/** Unknown numbers come last in either order. */
function compare(a: number | null, b: number | null, down: boolean): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return down ? b - a : a - b;
}

function Row({
  row,
  mark,
  hovered,
  onHover,
}: {
  row: VariantRow;
  mark: string;
  hovered: boolean;
  onHover(key: string | null): void;
}) {
  const actions = useActions();
  const label = row.key || 'original';
  return (
    <tr
      data-testid="variant-row"
      data-key={row.key}
      data-present={row.present}
      data-hover={hovered}
      onPointerEnter={() => onHover(row.key)}
      onPointerLeave={() => onHover(null)}
    >
      <td>
        <input
          type="checkbox"
          checked={row.pinned}
          aria-label={`Pin ${row.name}`}
          data-testid={`pin-${label}`}
          onChange={() => actions.pinVariant(row.key)}
        />
      </td>
      <th scope="row">
        <Name row={row} />
      </th>
      {COLUMNS.map(({ id, text }) => (
        <td
          key={id}
          data-kind={
            id === 'toks' && !row.measure && row.predicted !== null ? 'predicted' : undefined
          }
        >
          {id === 'toks' && !row.measure && row.predicted !== null && (
            <span className={kit.hidden}>predicted </span>
          )}
          {text(row)}
          {id === 'toks' && mark && <sup className={css.note}>{mark}</sup>}
        </td>
      ))}
      <td className={css.actions}>
        {row.present ? (
          <span className={css.mark}>current</span>
        ) : (
          <>
            <button
              type="button"
              aria-label={`Use ${row.name}`}
              onClick={() => actions.applyVariant(row.key)}
            >
              Use
            </button>
            <button
              type="button"
              className={kit.quiet}
              disabled={row.key === ''}
              aria-label={`Hide ${row.name}`}
              title="Hide"
              onClick={() => actions.hideVariant(row.key)}
            >
              ×
            </button>
          </>
        )}
      </td>
    </tr>
  );
}

/** A name that can be edited; an empty one restores the default. */
function Name({ row }: { row: VariantRow }) {
  const actions = useActions();
  return (
    <input
      key={row.name}
      type="text"
      className={css.name}
      defaultValue={row.name}
      maxLength={60}
      aria-label={`Name of ${row.name}`}
      onBlur={(event) => actions.nameVariant(row.key, event.target.value)}
      onKeyDown={(event) => {
        if (event.key === 'Escape') event.currentTarget.value = row.name;
        if (event.key === 'Enter' || event.key === 'Escape') event.currentTarget.blur();
      }}
    />
  );
}
