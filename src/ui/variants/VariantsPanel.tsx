// The variants of this session: gain against perplexity, their table, and the table as a file.

import { lazy, Suspense, useState } from 'react';
import { variantsCsv, variantsJson } from '../../state/variants/file.ts';
import {
  planVariant,
  plottable,
  type VariantRow,
  variantRows,
} from '../../state/variants/variants.ts';
import { VERSION } from '../../version.ts';
import { showHidden, VARIANTS } from '../../words/variants.ts';
import { plural } from '../format.ts';
import { CopyButton } from '../kit/CopyButton.tsx';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
import { saveBlob } from '../saveBlob.ts';
import { useActions, useStudio, useStudioStore } from '../studioContext.ts';
import { VariantComparison } from './VariantComparison.tsx';
import { VariantTable } from './VariantTable.tsx';
import css from './variants.module.css';

const ParetoChart = lazy(() => import('../charts/ParetoChart.tsx'));

export function VariantsPanel() {
  const rows = useStudio(variantRows);
  const [hover, setHover] = useState<string | null>(null);
  const hidden = useStudio((state) => state.variants.hidden.size);
  const actions = useActions();
  const points = plottable(rows);
  const known = rows.filter((row) => row.nll !== null || row.measure !== null);
  return (
    <Panel id="variants" title={VARIANTS.title} sub={VARIANTS.sub} testId="variants">
      {points.length > 1 && (
        <Suspense fallback={<div className={css.space} />}>
          <ParetoChart hover={hover} onHover={setHover} />
        </Suspense>
      )}
      <VariantTable rows={rows} hover={hover} onHover={setHover} />
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
    const { model, score } = store.state.getState();
    const context = { score: score.curve?.result ?? null, date: new Date().toISOString() };
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
