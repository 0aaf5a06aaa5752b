// The importance curve: how to start and stop it, the chart, how it was measured, what it says. Of
// one height from the start of scoring to its end.

import { lazy, Suspense } from 'react';
import type { StudioState } from '../../state/state.ts';
import { showsSublayers } from '../../state/sublayers/selectors.ts';
import { IMPORTANCE } from '../../words/choose.ts';
import { InterruptedCards } from '../interrupted/InterruptedCard.tsx';
import { KeptLooking } from '../kept/KeptNotes.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import { Panel } from '../kit/Panel.tsx';
import { Term } from '../kit/Term.tsx';
import { useStudio } from '../studioContext.ts';
import { SublayerTools } from '../sublayers/SublayerTools.tsx';
import { BeforeScoring } from './BeforeScoring.tsx';
import { CurveNotes, Warnings } from './CurveNotes.tsx';
import { CurveTools } from './CurveTools.tsx';
import css from './importance.module.css';
import { Caption, Reading } from './Reading.tsx';

const ImportanceChart = lazy(() => import('../charts/ImportanceChart.tsx'));

const showsCurve = (state: StudioState) =>
  state.score.running !== null ||
  state.score.curve !== null ||
  state.score.stopped !== null ||
  showsSublayers(state);

export function ImportancePanel() {
  const shows = useStudio(showsCurve);
  return (
    <Panel
      id="importance"
      title={IMPORTANCE.title}
      sub={
        <>
          <Term id="perplexity">{IMPORTANCE.perplexity}</Term> {IMPORTANCE.sub}
        </>
      }
    >
      {shows && <CurveTools />}
      <SublayerTools />
      <ErrorNotice place="score" />
      <ErrorNotice place="sublayers" />
      <InterruptedCards />
      <ErrorNotice place="restore" />
      <Warnings />
      <KeptLooking />
      {shows ? (
        <>
          <Suspense fallback={<div className={css.space} />}>
            <ImportanceChart />
          </Suspense>
          <Reading />
          <Caption />
          <CurveNotes />
        </>
      ) : (
        <BeforeScoring />
      )}
    </Panel>
  );
}
