// The batch sweep: latency against throughput as a chart and a table, and why it stopped.

import { lazy, Suspense } from 'react';
import type { SweepPoint } from '../../contract/speed.ts';
import { countUnits, listUnits } from '../../state/plan/unitWords.ts';
import { protocolWords } from '../../state/speed/settings.ts';
import type { Swept } from '../../state/speed/state.ts';
import { formatRate, formatShort } from '../format.ts';
import kit from '../kit/kit.module.css';
import { useStudio } from '../studioContext.ts';
import css from './speed.module.css';

const SweepChart = lazy(() => import('../charts/SweepChart.tsx'));

export function SweepSection() {
  const shown = useStudio((state) => state.speed.sweep.shown);
  const removed = useStudio((state) => state.plan.present.removed);
  if (!shown) return null;
  const { result } = shown;
  const stale = shown.removed.join() !== removed.join();
  return (
    <section
      className={css.sweep}
      aria-labelledby="sweep-title"
      data-testid="sweep-result"
      data-stale={stale}
    >
      <h3 id="sweep-title">Batch sweep</h3>
      <p className={`${kit.legend} ${css.legend}`}>
        <span>
          <i /> original
        </span>
        {result.pruned.length > 0 && (
          <span title={`without ${listUnits(shown.removed)}`}>
            <i data-kind="pruned" /> pruned, without {countUnits(shown.removed)}
          </span>
        )}
      </p>
      {stale && <p className={kit.sub}>The pruned numbers are of another plan.</p>}
      <Suspense fallback={<div style={{ height: 220 }} />}>
        <SweepChart result={result} />
      </Suspense>
      {result.stopped.map(({ which, batch, error }) => (
        <p key={which} className={kit.sub} data-testid="sweep-stopped">
          The {which === 'original' ? 'original' : 'pruned model'} stopped at M = {batch}:{' '}
          {error.message} {error.hint}
        </p>
      ))}
      <p className={kit.sub}>
        {protocolWords(result.settings).replace(/, batch \d+$/, '')}; M is the batch size.{' '}
        {result.notes.join(' ')}
      </p>
      <details>
        <summary>As a table</summary>
        <Table shown={shown} />
      </details>
    </section>
  );
}

function Table({ shown: { result } }: { shown: Swept }) {
  const batches = [
    ...new Set([...result.original, ...result.pruned].map((point) => point.batch)),
  ].sort((a, b) => a - b);
  const hasPruned = result.pruned.length > 0;
  const cells = (points: readonly SweepPoint[], batch: number) => {
    const point = points.find((one) => one.batch === batch);
    return (
      <>
        <td>{point ? formatShort(point.latency.mean) : '–'}</td>
        <td>{point ? formatRate(point.throughput.mean) : '–'}</td>
      </>
    );
  };
  return (
    <table data-testid="sweep-table">
      <thead>
        <tr>
          <th scope="col">M</th>
          <th scope="col">original latency</th>
          <th scope="col">tok/s</th>
          {hasPruned && (
            <>
              <th scope="col">pruned latency</th>
              <th scope="col">tok/s</th>
            </>
          )}
        </tr>
      </thead>
      <tbody>
        {batches.map((batch) => (
          <tr key={batch}>
            <th scope="row">{batch}</th>
            {cells(result.original, batch)}
            {hasPruned && cells(result.pruned, batch)}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
