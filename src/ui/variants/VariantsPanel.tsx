// The variants of this session: gain against perplexity, their table, and the table as a file.

import { lazy, Suspense, useState } from 'react';
import { plural } from '../../quantities.ts';
import { rowsOfMeans } from '../../state/tasks/means.ts';
import { variantsCsv, variantsJson } from '../../state/variants/file.ts';
import { tableRows } from '../../state/variants/folderRows.ts';
import {
  planVariant,
  plottable,
  type VariantRow,
  variantRows,
} from '../../state/variants/variants.ts';
import { VERSION } from '../../version.ts';
import { LINEAGE, showHidden, VARIANTS } from '../../words/variants.ts';
import { CopyButton } from '../kit/CopyButton.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
import { saveBlob } from '../saveBlob.ts';
import { useActions, useStudio, useStudioStore } from '../studioContext.ts';
import { MeasureLineage } from './MeasureLineage.tsx';
import { VariantComparison } from './VariantComparison.tsx';
import { VariantTable } from './VariantTable.tsx';
import css from './variants.module.css';

const ParetoChart = lazy(() => import('../charts/ParetoChart.tsx'));

export function VariantsPanel() {
  const rows = useStudio(tableRows);
  const own = useStudio(variantRows);
  const [hover, setHover] = useState<string | null>(null);
  const hidden = useStudio((state) => state.variants.hidden.size);
  const actions = useActions();
  const points = plottable(own);
  const known = rows.filter((row) => row.nll !== null || row.measure !== null);
  return (
    <Panel id="variants" title={VARIANTS.title} sub={VARIANTS.sub} testId="variants">
      {points.length > 1 && (
        <Suspense fallback={<div className={css.space} />}>
          <ParetoChart hover={hover} onHover={setHover} />
        </Suspense>
      )}
      <VariantTable rows={rows} hover={hover} onHover={setHover} />
      <Lineage rows={rows} />
      <VariantComparison />
      <div className={css.tools}>
        <Keep />
        <span className={kit.grow} />
        {hidden > 0 && (
          <button type="button" className={kit.quiet} onClick={actions.showAllVariants}>
            {showHidden(plural(hidden, 'hidden row'))}
          </button>
        )}
        <Save rows={known} />
      </div>
    </Panel>
  );
}

/** What is missing to hold this folder against others. */
function Lineage({ rows }: { rows: readonly VariantRow[] }) {
  const folders = rows.filter(({ folder }) => folder !== null);
  const isUnknown = folders.some(({ nll }) => nll === null);
  return (
    <div className={css.lineage}>
      <MeasureLineage />
      {isUnknown && <p className={kit.note}>{LINEAGE.otherWindows}</p>}
      <ErrorNotice place="lineage" />
    </div>
  );
}

/** Gives the current plan a name, and so a row of its own. */
function Keep() {
  const [name, setName] = useState('');
  const key = useStudio(planVariant);
  const actions = useActions();
  return (
    <form
      className={css.keep}
      onSubmit={(event) => {
        event.preventDefault();
        actions.keepVariant(name);
        setName('');
      }}
    >
      <input
        type="text"
        value={name}
        maxLength={60}
        aria-label={VARIANTS.keepLabel}
        placeholder={key ? VARIANTS.namePlan : VARIANTS.nameOriginal}
        data-testid="variant-name"
        onChange={(event) => setName(event.target.value)}
      />
      <button type="submit" data-testid="variant-keep">
        {VARIANTS.keep}
      </button>
    </form>
  );
}

function Save({ rows }: { rows: readonly VariantRow[] }) {
  const store = useStudioStore();
  if (rows.length === 0) return null;
  const textOf = (kind: 'csv' | 'json') => {
    const state = store.state.getState();
    const { model, score } = state;
    const context = {
      score: score.curve?.result ?? null,
      tasks: rowsOfMeans(state) ?? undefined,
      date: new Date().toISOString(),
    };
    if (kind === 'csv') return variantsCsv(rows, context);
    const { name = '', graph = '' } = model.current?.summary ?? {};
    return variantsJson(rows, { ...context, model: name, graph, app: VERSION });
  };
  const save = (kind: 'csv' | 'json') => {
    const model = store.state.getState().model.current?.summary.name ?? 'model';
    const type = kind === 'csv' ? 'text/csv' : 'application/json';
    saveBlob(new Blob([textOf(kind)], { type }), `${model}-variants.${kind}`);
  };
  return (
    <>
      <CopyButton label={VARIANTS.copyCsv} text={() => textOf('csv')} testId="variants-copy" />
      <button type="button" data-testid="variants-csv" onClick={() => save('csv')}>
        {VARIANTS.saveCsv}
      </button>
      <button type="button" data-testid="variants-json" onClick={() => save('json')}>
        {VARIANTS.saveJson}
      </button>
    </>
  );
}
