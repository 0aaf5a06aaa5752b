// The variants as a table that can be sorted, named and pinned.

import { useState } from 'react';
import { noNumbers } from '../../state/score/selectors.ts';
import { rowsOfMeans } from '../../state/tasks/means.ts';
import { type VariantRow, wayOfRow, waysOf } from '../../state/variants/variants.ts';
import { SPEED_MEASURED_AS_PRUNED } from '../../words/healing.ts';
import {
  applyLabel,
  COLUMN_TITLES,
  FOLDER_NAMES,
  hideLabel,
  openLabel,
  pinLabel,
  sortLabel,
  tasksWords,
  VARIANTS,
  waysWords,
} from '../../words/variants.ts';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import { type Column, columnsOf, isPredicted } from './columns.ts';
import { NEXT, type Order, orderOf, type Sort, sortedRows } from './sorting.ts';
import { VariantName } from './VariantName.tsx';
import css from './variants.module.css';

const ARROWS: Record<Order, string> = { none: '↕', ascending: '↑', descending: '↓' };

interface Props {
  rows: readonly VariantRow[];
  hover: string | null;
  onHover(key: string | null): void;
}

export function VariantTable({ rows, hover, onHover }: Props) {
  const [sort, setSort] = useState<Sort | null>({ id: 'gain', down: true });
  const columns = columnsOf(rows);
  const among = rows.some(({ folder }) => folder !== null);
  // What is measured of this folder comes first.
  const ways = [...new Set([...waysOf(rows.filter(({ folder }) => !folder)), ...waysOf(rows)])];
  return (
    <>
      <div className={css.scroll}>
        <table className={css.table}>
          <thead>
            <tr>
              <th scope="col">
                <span className={kit.hidden}>{VARIANTS.pinHead}</span>
              </th>
              <th scope="col">{VARIANTS.nameHead}</th>
              {columns.map((column) => (
                <Head
                  key={column.id}
                  column={column}
                  order={orderOf(sort, column.id)}
                  onSort={setSort}
                />
              ))}
              <th scope="col">
                <span className={kit.hidden}>{VARIANTS.actionsHead}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {sortedRows(rows, sort, ways).map((row) => (
              <Row
                key={row.key}
                row={row}
                columns={columns}
                among={among}
                mark={markOf(row, ways)}
                hovered={hover === row.key}
                onHover={onHover}
              />
            ))}
          </tbody>
        </table>
      </div>
      <Ways ways={ways} />
      <TasksNote />
    </>
  );
}

interface HeadProps {
  column: Column;
  order: Order;
  onSort(sort: Sort | null): void;
}

/** The word explains itself; the arrow beside it sorts. */
function Head({ column: { id, term }, order, onSort }: HeadProps) {
  return (
    <th scope="col" aria-sort={order} className={id === 'device' ? css.long : undefined}>
      <Term id={term}>{COLUMN_TITLES[id]}</Term>
      <button
        type="button"
        className={css.sort}
        aria-label={sortLabel(COLUMN_TITLES[id])}
        data-testid={`sort-${id}`}
        onClick={() => onSort(NEXT[order](id))}
      >
        {ARROWS[order]}
      </button>
    </th>
  );
}

/** The footnote of a speed that was measured differently from most; '' without one. */
function markOf(row: VariantRow, ways: readonly string[]): string {
  return 'abcdefghij'[ways.indexOf(wayOfRow(row) ?? '') - 1] ?? '';
}

/** How the speeds were measured. */
function Ways({ ways }: { ways: readonly string[] }) {
  if (ways[0] === undefined) return null;
  return (
    <p className={`${kit.sub} ${css.ways}`} data-testid="variants-ways">
      {waysWords(ways[0])}
      {ways.slice(1).map((way, i) => (
        <span key={way}>
          {' '}
          <b>{'abcdefghij'[i]}</b> {way}.
        </span>
      ))}
    </p>
  );
}

/** Which rows the accuracies are of. */
function TasksNote() {
  const words = useStudio(rowsOfMeans);
  if (words === null) return null;
  return (
    <p className={`${kit.sub} ${css.ways}`} data-testid="variants-tasks">
      {tasksWords(words)}
    </p>
  );
}

interface RowProps {
  row: VariantRow;
  columns: readonly Column[];
  /** Rows of other folders stand beside it. */
  among: boolean;
  mark: string;
  hovered: boolean;
  onHover(key: string | null): void;
}

function Row({ row, columns, among, mark, hovered, onHover }: RowProps) {
  const actions = useActions();
  return (
    <tr
      data-testid="variant-row"
      data-key={row.key}
      data-present={row.present}
      data-folder={row.folder !== null}
      data-hover={hovered}
      onPointerEnter={() => onHover(row.key)}
      onPointerLeave={() => onHover(null)}
    >
      <td>
        <label className={css.pin}>
          <input
            type="checkbox"
            checked={row.pinned}
            aria-label={pinLabel(row.name)}
            data-testid={`pin-${row.key || 'original'}`}
            onChange={() => actions.pinVariant(row.key)}
          />
        </label>
      </td>
      <th scope="row">
        <VariantName row={row} among={among} />
        {row.speedIsOfPruned && <small className={css.units}>{SPEED_MEASURED_AS_PRUNED}</small>}
      </th>
      {columns.map((column) => (
        <Cell key={column.id} column={column} row={row} mark={mark} />
      ))}
      <td className={css.actions}>
        <RowActions row={row} />
      </td>
    </tr>
  );
}

function Cell({ column, row, mark }: { column: Column; row: VariantRow; mark: string }) {
  const predicted = isPredicted(column, row);
  const sound = useStudio((state) => noNumbers(state) === null);
  return (
    <td data-kind={predicted ? 'predicted' : undefined}>
      {predicted && <span className={kit.hidden}>{VARIANTS.predicted} </span>}
      {column.text(row, sound)}
      {column.id === 'toks' && mark && <sup className={css.note}>{mark}</sup>}
    </td>
  );
}

function RowActions({ row }: { row: VariantRow }) {
  const actions = useActions();
  if (row.folder) return <FolderActions row={row} model={row.folder.model} />;
  if (row.present) return <span className={css.mark}>{VARIANTS.current}</span>;
  return (
    <>
      <button
        type="button"
        aria-label={applyLabel(row.name)}
        onClick={() => actions.applyVariant(row.key)}
      >
        {VARIANTS.use}
      </button>
      <button
        type="button"
        className={kit.quiet}
        disabled={row.key === ''}
        aria-label={hideLabel(row.name)}
        title={VARIANTS.hide}
        onClick={() => actions.hideVariant(row.key)}
      >
        ×
      </button>
    </>
  );
}

/** Another folder is opened in place of this one, where the browser remembers it. */
function FolderActions({ row, model }: { row: VariantRow; model: string | null }) {
  const id = useStudio(
    ({ recents }) => recents.folders.find((one) => one.model !== null && one.model === model)?.id,
  );
  const actions = useActions();
  return (
    <>
      {id !== undefined && (
        <button
          type="button"
          aria-label={openLabel(row.name)}
          onClick={() => void actions.openRecent(id)}
        >
          {FOLDER_NAMES.open}
        </button>
      )}
      <button
        type="button"
        className={kit.quiet}
        aria-label={hideLabel(row.name)}
        title={VARIANTS.hide}
        onClick={() => actions.hideVariant(row.key)}
      >
        ×
      </button>
    </>
  );
}
