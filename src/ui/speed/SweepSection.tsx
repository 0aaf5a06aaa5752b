// The batch sweep: latency against throughput as a chart and a table, and why it stopped.

import { lazy, Suspense } from 'react';
import type { SweepPoint } from '../../contract/speed.ts';
import { formatBySpread } from '../../spread.ts';
import { countUnits, listUnits } from '../../state/plan/unitWords.ts';
import { protocolWords } from '../../state/speed/settings.ts';
import type { Swept } from '../../state/speed/state.ts';
import { SPEED, SWEEP, sweepSettings, sweepStopped, sweptWithout } from '../../words/speed.ts';
import { formatShort } from '../format.ts';
import { type Column, DataTable } from '../kit/DataTable.tsx';
import kit from '../kit/kit.module.css';
import { useStudio } from '../studioContext.ts';
import css from './speed.module.css';

const SweepChart = lazy(() => import('../charts/SweepChart.tsx'));

export function SweepSection() {
  const shown = useStudio((state) => state.speed.sweep.shown);
  const { removed, healing } = useStudio((state) => state.plan.present);
  if (!shown) return null;
  const { result } = shown;
  const stale = shown.removed.join() !== removed.join() || shown.healing !== healing;
  return (
    <section
      className={css.sweep}
      aria-labelledby="sweep-title"
      data-testid="sweep-result"
      data-stale={stale}
    >
      <h3 id="sweep-title">{SWEEP.title}</h3>
      <p className={`${kit.legend} ${css.legend}`}>
        <span>
          <i /> {SPEED.original}
        </span>
        {result.pruned.length > 0 && (
          <span>
            <i data-kind="pruned" /> {sweptWithout(countUnits(shown.removed))}:{' '}
            {listUnits(shown.removed)}
          </span>
        )}
      </p>
      {stale && <p className={kit.sub}>{SWEEP.stale}</p>}
      <Suspense fallback={<div style={{ height: 220 }} />}>
        <SweepChart result={result} />
      </Suspense>
      {result.stopped.map(({ which, batch, error }) => (
        <p key={which} className={kit.sub} data-testid="sweep-stopped">
          {sweepStopped(which, batch, error.message, error.hint)}
        </p>
      ))}
      <p className={kit.sub}>
        {sweepSettings(protocolWords(result.settings).replace(/, batch \d+$/, ''))}{' '}
        {result.notes.join(' ')}
      </p>
      <details>
        <summary>{SWEEP.asTable}</summary>
        <Table shown={shown} />
      </details>
    </section>
  );
}

const ORIGINAL: readonly Column[] = [
  { key: 'batch', title: SWEEP.batch },
  { key: 'latency', title: SWEEP.originalLatency },
  { key: 'rate', title: SWEEP.rate },
];

const PRUNED: readonly Column[] = [
  { key: 'pruned-latency', title: SWEEP.prunedLatency },
  { key: 'pruned-rate', title: SWEEP.rate },
];

function Table({ shown: { result } }: { shown: Swept }) {
  const batches = [
    ...new Set([...result.original, ...result.pruned].map((point) => point.batch)),
  ].sort((a, b) => a - b);
  const hasPruned = result.pruned.length > 0;
  return (
    <DataTable testId="sweep-table" columns={hasPruned ? [...ORIGINAL, ...PRUNED] : ORIGINAL}>
      {batches.map((batch) => (
        <tr key={batch}>
          <th scope="row">{batch}</th>
          <Cells points={result.original} batch={batch} />
          {hasPruned && <Cells points={result.pruned} batch={batch} />}
        </tr>
      ))}
    </DataTable>
  );
}

function Cells({ points, batch }: { points: readonly SweepPoint[]; batch: number }) {
  const point = points.find((one) => one.batch === batch);
  if (!point)
    return (
      <>
        <td>–</td>
        <td>–</td>
      </>
    );
  const { latency, throughput } = point;
  return (
    <>
      <td>{formatShort(latency.mean)}</td>
      <td>{formatBySpread(throughput.mean, [throughput.min, throughput.max])}</td>
    </>
  );
}
