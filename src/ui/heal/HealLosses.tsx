// The losses of a training: the chart, its legend, and the numbers on the held-out part.

import { lazy, Suspense } from 'react';
import { LOSSES } from '../../words/heal.ts';
import { DataTable } from '../kit/DataTable.tsx';
import kit from '../kit/kit.module.css';
import { Scroll } from '../kit/Scroll.tsx';
import { Term } from '../kit/Term.tsx';
import css from './heal.module.css';

const HealChart = lazy(() => import('../charts/HealChart.tsx'));

interface Props {
  /** Steps that were asked for. */
  steps: number;
  /** Training loss by step, the first after one step, in nats per token. */
  training: readonly number[];
  heldOut: readonly { step: number; loss: number }[];
  /** The step whose weights were kept; null while it is not known. */
  kept: number | null;
}

export function HealLosses({ steps, training, heldOut, kept }: Props) {
  return (
    <div>
      <p className={kit.legend}>
        <span>
          <Line points={false} /> {LOSSES.training}
        </span>
        {heldOut.length > 0 && (
          <span>
            <Line points /> <Term id="heldOut">{LOSSES.heldOut}</Term>
          </span>
        )}
      </p>
      <div className={css.plot}>
        <Suspense fallback={null}>
          <HealChart
            steps={steps}
            training={training.map((loss, k) => ({ step: k + 1, loss }))}
            heldOut={heldOut}
            kept={kept}
          />
        </Suspense>
      </div>
      {heldOut.length > 0 && (
        <details>
          <summary>{LOSSES.numbers}</summary>
          <Scroll label={LOSSES.numbers}>
            <DataTable
              testId="heal-losses"
              columns={[
                { key: 'step', title: LOSSES.step },
                { key: 'held-out', title: LOSSES.heldOut },
                { key: 'training', title: LOSSES.training },
              ]}
            >
              {heldOut.map(({ step, loss }) => (
                <tr key={step}>
                  <td>{step}</td>
                  <td>{loss.toFixed(4)}</td>
                  <td>{training[step - 1]?.toFixed(4) ?? '–'}</td>
                </tr>
              ))}
            </DataTable>
          </Scroll>
        </details>
      )}
    </div>
  );
}

function Line({ points }: { points: boolean }) {
  const stroke = points ? 'var(--leaf)' : 'var(--edge)';
  return (
    <svg viewBox="0 0 30 12" width="30" height="12" aria-hidden="true">
      <line x1="0" x2="30" y1="6" y2="6" stroke={stroke} strokeWidth={points ? 2 : 1.4} />
      {points && (
        <circle cx="15" cy="6" r="3.5" fill="var(--card)" stroke={stroke} strokeWidth="1.8" />
      )}
    </svg>
  );
}
