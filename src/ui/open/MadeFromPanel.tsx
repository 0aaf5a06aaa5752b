// What an export of Espalier was made from, and its numbers beside those of the source.

import type { ReactNode } from 'react';
import { WIDTH_METHODS } from '../../model/width/widthWords.ts';
import { formatBytes } from '../../quantities.ts';
import { type SourceRow, sourceView } from '../../state/kept/selectors.ts';
import { countUnits, listUnits } from '../../state/plan/unitWords.ts';
import { onWords } from '../../state/score/selectors.ts';
import { formatUnits } from '../../units.ts';
import { keptOfSource, MADE_FROM, recordedOn, renumbered } from '../../words/dialogs/kept.ts';
import { formatPpl, formatRate } from '../format.ts';
import { DataTable } from '../kit/DataTable.tsx';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
import { Term } from '../kit/Term.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import { useMinute } from '../useMinute.ts';
import { MeasureLineage } from '../variants/MeasureLineage.tsx';
import css from './madeFrom.module.css';

export function MadeFromPanel() {
  const madeFrom = useStudio((state) => state.model.current?.madeFrom);
  const view = useStudio(sourceView);
  if (!madeFrom || !view) return null;
  const { removed, width, sourceName, graph, app } = madeFrom;
  const list = (blocks: readonly number[]) => formatUnits(blocks).replaceAll(',', ', ');
  return (
    <Panel id="made-from" title={MADE_FROM.title} sub={app} testId="made-from">
      <dl className={kit.facts}>
        <dt>{MADE_FROM.source}</dt>
        <dd>
          {sourceName}, {graph}
        </dd>
        <dt>{MADE_FROM.removed}</dt>
        <dd>
          {removed.length ? `${countUnits(removed)}: ${listUnits(removed)}` : MADE_FROM.noBlock}
        </dd>
        {width && (
          <>
            <dt>{MADE_FROM.width}</dt>
            <dd>{MADE_FROM.narrower(WIDTH_METHODS[width.method], width.ratio)}</dd>
          </>
        )}
        <dt>{MADE_FROM.blocks}</dt>
        <dd>{renumbered(list(view.blocks.map((_, block) => block)), list(view.blocks))}</dd>
      </dl>
      <SourceTable />
      <div className={kit.stack}>
        <MeasureLineage />
        <OpenSource />
      </div>
    </Panel>
  );
}

function SourceTable() {
  const view = useStudio(sourceView);
  const score = useStudio((state) => state.model.current?.madeFrom?.score);
  const now = useMinute();
  if (!view) return null;
  return (
    <DataTable
      testId="made-from-table"
      className={css.table}
      caption={
        <>
          {score && recordedOn(onWords(score))}{' '}
          {view.kept &&
            view.kept.speeds > 0 &&
            keptOfSource(view.kept.name, now - view.kept.savedAt)}{' '}
          {view.changed && MADE_FROM.changed} {!view.sameWindows && MADE_FROM.otherWindows}
        </>
      }
      columns={[
        { key: '', title: '', text: true },
        ...MADE_FROM.columns.map((title) => ({ key: title, title })),
      ]}
    >
      <Row
        head={<Term id="perplexity">{MADE_FROM.perplexity}</Term>}
        row={view.nll}
        format={formatPpl}
      />
      <Row head={<Term id="size">{MADE_FROM.size}</Term>} row={view.bytes} format={formatBytes} />
      <Row head={MADE_FROM.speed} row={view.speed} format={formatRate} />
    </DataTable>
  );
}

/** A row without any number is left out. */
function Row({
  head,
  row: { source, atExport, now },
  format,
}: {
  head: ReactNode;
  row: SourceRow;
  format: (value: number) => string;
}) {
  const cell = (value: number | null) => (value === null ? '–' : format(value));
  if (source === null && atExport === null && now === null) return null;
  return (
    <tr>
      <th scope="row">{head}</th>
      <td>{cell(source)}</td>
      <td>{cell(atExport)}</td>
      <td>{cell(now)}</td>
    </tr>
  );
}

function OpenSource() {
  const folder = useStudio((state) => sourceView(state)?.folder ?? null);
  const actions = useActions();
  if (folder === null) return <p className={kit.note}>{MADE_FROM.notRecent}</p>;
  return (
    <div className={kit.row}>
      <button
        type="button"
        data-testid="open-source"
        onClick={() => void actions.openRecent(folder)}
      >
        {MADE_FROM.open}
      </button>
      <span className={kit.note}>{MADE_FROM.openHint}</span>
    </div>
  );
}
