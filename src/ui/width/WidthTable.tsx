// The rows of a comparison of width with depth: weights, perplexity, speeds, export.

import { formatBytes } from '../../quantities.ts';
import { formatBySpread, formatGainSpread } from '../../spread.ts';
import {
  pointAt,
  rateOf,
  type WidthRow,
  type WidthView,
  widthObstacle,
} from '../../state/width/selectors.ts';
import {
  WIDTH_COLUMNS as COLUMNS,
  exportLabel,
  rateHead,
  WIDTH,
} from '../../words/comparison/width.ts';
import { formatCount, formatOriginal, formatPpl } from '../format.ts';
import { type Column, DataTable } from '../kit/DataTable.tsx';
import { Term } from '../kit/Term.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import { shareWords } from './shareWords.ts';
import css from './width.module.css';

interface Props {
  view: WidthView;
  /** That of the chart; batch 1 is always shown. */
  batch: number;
}

/** Batch 1 is what the claim is about; beside it the chosen one, or the largest. */
function shownBatches({ batches }: WidthView, batch: number): number[] {
  const first = batches[0];
  if (first === undefined) return [];
  const other = batch === first ? batches.at(-1)! : batch;
  return other === first ? [first] : [first, other];
}

export function WidthTable({ view, batch }: Props) {
  const batches = shownBatches(view, batch);
  const columns: Column[] = [
    { key: 'variant', title: COLUMNS.variant, text: true },
    { key: 'params', title: COLUMNS.params },
    { key: 'ppl', title: <Term id="perplexity">{COLUMNS.ppl}</Term> },
    ...batches.map((one) => ({ key: `rate-${one}`, title: rateHead(one) })),
    { key: 'export', title: COLUMNS.export, text: true },
  ];
  return (
    <div className={css.scroll}>
      <DataTable
        testId="width-table"
        caption={WIDTH.table}
        captionHidden
        className={css.table}
        columns={columns}
      >
        {view.rows.map((row) => (
          <Row key={row.id} view={view} row={row} batches={batches} />
        ))}
      </DataTable>
    </div>
  );
}

interface RowProps {
  view: WidthView;
  row: WidthRow;
  batches: readonly number[];
}

function Row({ view, row, batches }: RowProps) {
  const { id, label, params, removedShare, nll, nllEnds, fileBytes } = row;
  return (
    <tr data-testid="width-row" data-row={id}>
      <th scope="row">{label}</th>
      <td>
        {formatCount(params)} <small>{removedShare > 0 && `−${shareWords(removedShare)}`}</small>
        <small>{fileBytes !== null && formatBytes(fileBytes)}</small>
      </td>
      <td>
        <span data-testid={`width-ppl-${id}`}>{nll === null ? '–' : pplOf(id, nll)}</span>{' '}
        <small>{nllEnds && `${formatPpl(nllEnds[0])} to ${formatPpl(nllEnds[1])}`}</small>
      </td>
      {batches.map((batch) => (
        <Speeds key={batch} view={view} row={row} batch={batch} />
      ))}
      <td className={css.text}>
        <ExportCell row={row} />
      </td>
    </tr>
  );
}

const pplOf = (id: WidthRow['id'], nll: number): string =>
  id === 'original' ? formatOriginal(nll) : formatPpl(nll);

function Speeds({ view, row, batch }: { view: WidthView; row: WidthRow; batch: number }) {
  const rate = rateOf(view, row, batch);
  const gain = pointAt(row, batch)?.gain;
  return (
    <td>
      {rate ? formatBySpread(rate.rate, rate.ends) : '–'}{' '}
      <small data-testid={`width-gain-${row.id}-${batch}`}>
        {gain && formatGainSpread(gain.ratio, gain.ci95)}
      </small>
    </td>
  );
}

function ExportCell({ row: { id, label, plan, obstacle } }: { row: WidthRow }) {
  const busy = useStudio(widthObstacle);
  const actions = useActions();
  if (!plan) return null;
  if (obstacle !== null) return <span title={obstacle}>–</span>;
  return (
    <button
      type="button"
      aria-label={exportLabel(label)}
      aria-disabled={busy !== null}
      title={busy ?? undefined}
      data-testid={`width-export-${id}`}
      onClick={() => busy === null && void actions.exportWidth(plan)}
    >
      {WIDTH.export}
    </button>
  );
}
