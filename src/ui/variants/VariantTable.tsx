// The variants as a table: the accessible truth of the plot. Numbers that are not measured say so.

import { useState } from 'react';
import { type VariantRow, wayOfRow, waysOf } from '../../state/variants/variants.ts';
import { formatBytes, formatPpl, formatRate, formatShort } from '../format.ts';
import kit from '../kit/kit.module.css';
import { useActions } from '../studioContext.ts';
import css from './variants.module.css';

interface Column {
  id: string;
  title: string;
  /** What it is, where the title is short. */
  hint?: string;
  value(row: VariantRow): number | null;
  text(row: VariantRow): string;
}

const COLUMNS: readonly Column[] = [
  { id: 'blocks', title: 'blocks', value: (row) => row.blocks, text: (row) => String(row.blocks) },
  {
    id: 'ppl',
    title: 'PPL',
    value: (row) => row.nll,
    text: (row) => (row.nll === null ? '–' : formatPpl(row.nll)),
  },
  {
    id: 'toks',
    title: 'tok/s',
    value: (row) => row.measure?.speed.throughput.mean ?? row.predicted,
    text: (row) => {
      if (row.measure) return formatRate(row.measure.speed.throughput.mean);
      return row.predicted === null ? '–' : `≈ ${formatRate(row.predicted)}`;
    },
  },
  {
    id: 'gain',
    title: 'gain',
    value: (row) => row.gain,
    text: (row) => (row.gain === null ? '–' : `${row.gain.toFixed(2)} ×`),
  },
  {
    id: 'decode',
    title: 'decode',
    hint: 'tokens per second after the first token',
    value: (row) => row.measure?.speed.decode?.mean ?? null,
    text: (row) => (row.measure?.speed.decode ? formatRate(row.measure.speed.decode.mean) : '–'),
  },
  {
    id: 'ttft',
    title: 'TTFT',
    hint: 'time to the first token',
    value: (row) => row.measure?.speed.ttft.mean ?? null,
    text: (row) => (row.measure ? formatShort(row.measure.speed.ttft.mean) : '–'),
  },
  {
    id: 'size',
    title: 'files',
    hint: 'bytes of graph and data',
    value: (row) => row.fileBytes,
    text: (row) => formatBytes(row.fileBytes),
  },
  {
    id: 'device',
    title: 'memory',
    hint: 'bytes held on the device during a run',
    value: (row) => row.measure?.deviceBytes ?? null,
    text: (row) => (row.measure ? formatBytes(row.measure.deviceBytes) : '–'),
  },
];

interface Sort {
  id: string;
  down: boolean;
}

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
                <th
                  key={id}
                  scope="col"
                  aria-sort={sort?.id === id ? (sort.down ? 'descending' : 'ascending') : 'none'}
                >
                  <button
                    type="button"
                    className={css.sort}
                    title={hint}
                    onClick={() =>
                      setSort(
                        sort?.id === id
                          ? sort.down
                            ? null
                            : { id, down: true }
                          : { id, down: false },
                      )
                    }
                  >
                    {title}
                    <span aria-hidden="true">
                      {sort?.id === id ? (sort.down ? ' ↓' : ' ↑') : ''}
                    </span>
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

/** Footnote of a speed that was measured otherwise than most; '' without one. */
function markOf(row: VariantRow, ways: readonly string[]): string {
  return 'abcdefghij'[ways.indexOf(wayOfRow(row) ?? '') - 1] ?? '';
}

/** What the speeds are of. */
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

/** Unknown numbers come last either way. */
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
          <span className={css.mark}>in force</span>
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

/** A name that can be typed over; empty brings the default back. */
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
