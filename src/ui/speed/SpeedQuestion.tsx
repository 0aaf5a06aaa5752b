// Asked in place before a measurement that takes long starts by itself.

import { TIMES } from '../../state/speed/time.ts';
import { question, SPEED_SUMMARY } from '../../words/speedSummary.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './speedSummary.module.css';

export function SpeedQuestion({ testId }: { testId: string }) {
  const needed = useStudio(TIMES.quick);
  const actions = useActions();
  return (
    <div className={css.question} data-testid={testId}>
      <span>{question(needed)}</span>{' '}
      <CommandButton id="measure" label={SPEED_SUMMARY.measure} testId={`${testId}-measure`} />{' '}
      <button
        type="button"
        data-testid={`${testId}-always`}
        onClick={() => actions.setAutoMeasure(true)}
      >
        {SPEED_SUMMARY.always}
      </button>
    </div>
  );
}
