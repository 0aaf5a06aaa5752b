// What a quantisation has come to: what it costs, the loss in its parts, size, and what to do next.

import { lazy, Suspense } from 'react';
import type { KeptQuantisation } from '../../contract/quantise.ts';
import { planSize } from '../../model/open/size.ts';
import { lossParts } from '../../model/quantise/lossParts.ts';
import type { QuantisedMeasure } from '../../model/quantise/quantisation.ts';
import { formatBytes } from '../../quantities.ts';
import { deviceName } from '../../state/device/selectors.ts';
import { healingWords } from '../../state/heal/selectors.ts';
import { listUnits } from '../../state/plan/unitWords.ts';
import { quantiseRequest, shownQuantisation, wordsOf } from '../../state/quantise/selectors.ts';
import { costWords, howWords, OUTCOME, QUANTISE } from '../../words/quantise.ts';
import { lossChartHeight } from '../charts/quantise/lossParts.ts';
import { formatChange, formatOriginal, formatPruned, formatSeconds } from '../format.ts';
import kit from '../kit/kit.module.css';
import { useStudio } from '../studioContext.ts';
import { LossTable } from './LossTable.tsx';
import { OutcomeTools } from './OutcomeTools.tsx';
import css from './quantise.module.css';
import { isAsAsked } from './shownMatrices.ts';

const LossPartsChart = lazy(() => import('../charts/quantise/LossPartsChart.tsx'));

export function QuantiseOutcome() {
  const shown = useStudio(shownQuantisation);
  const changed = useStudio((state) => shown !== null && !isAsAsked(shown, quantiseRequest(state)));
  const healed = useStudio((state) =>
    healingWords(state, shown?.quantisation.healing ?? undefined),
  );
  if (!shown) return null;
  const { quantisation, warnings, device, seconds } = shown;
  const { measured } = quantisation.record;
  const { removed } = quantisation;
  const planWords = { removed: removed.length > 0 ? listUnits(removed) : null, healed };
  return (
    <section className={kit.stack} aria-label={QUANTISE.outcome} data-testid="quantise-outcome">
      <Headline quantised={shown} measured={measured} />
      {measured.length > 0 && (
        <>
          <div style={{ minHeight: lossChartHeight(measured) }}>
            <Suspense fallback={null}>
              <LossPartsChart measured={measured} />
            </Suspense>
          </div>
          <LossTable measured={measured} />
        </>
      )}
      {warnings.length > 0 && (
        <ul className={css.warnings} data-testid="quantise-warnings">
          {warnings.map((warning) => (
            <li key={warning}>{warning}</li>
          ))}
        </ul>
      )}
      <p className={kit.sub} data-testid="quantise-how">
        {howWords(planWords, wordsOf(shown))} {device && `${deviceName(device)}, `}
        {formatSeconds(seconds)}.
      </p>
      {changed && (
        <p className={kit.sub} data-testid="quantise-changed">
          {OUTCOME.changed}
        </p>
      )}
      <OutcomeTools quantised={shown} />
    </section>
  );
}

interface HeadlineProps {
  quantised: KeptQuantisation;
  measured: readonly QuantisedMeasure[];
}

/** What the last step costs where it was not seen, and the size. */
function Headline({ quantised: { bytes, quantisation }, measured }: HeadlineProps) {
  const summary = useStudio((state) => state.model.current?.summary);
  const one = measured.find(({ set }) => set === 'held-out') ?? measured[0];
  const last = one && lossParts(one).at(-1);
  const from = summary && planSize(summary, quantisation.removed).bytes;
  return (
    <p className={css.headline}>
      {one && last && (
        <b data-testid="quantise-costs">
          {costWords({
            nats: last.costs,
            set: one.set,
            from: formatOriginal(last.before),
            to: formatPruned(one.quantised.nll, one.original.nll),
          })}
        </b>
      )}{' '}
      {from !== undefined && (
        <span data-testid="quantise-size">
          {OUTCOME.sizes(formatBytes(from), formatBytes(bytes), formatChange(from, bytes))}
        </span>
      )}
    </p>
  );
}
