// A quantisation while it runs: how far it is, pause, cancel; its matrices are beside it.

import { QUANTISE } from '../../words/quantise.ts';
import { PausableJob } from '../kit/workspace/PausableJob.tsx';
import { useActions, useStudio } from '../studioContext.ts';

export function QuantiseRunning() {
  const { running, paused, progress } = useStudio((state) => state.quantise);
  const actions = useActions();
  if (!running) return null;
  return (
    <PausableJob
      name="quantise"
      words={QUANTISE}
      progress={progress}
      paused={paused}
      notes={running.notes}
      onPause={actions.pauseQuantise}
    />
  );
}
