// The buttons that measure speed with the time each will take, or the progress of what runs in
// their place; and whether plans are measured by themselves.

import { asksToMeasure } from '../../state/speed/auto.ts';
import { sweepTime, TIMES } from '../../state/speed/time.ts';
import { SPEED } from '../../words/speed.ts';
import { withTime } from '../../words/speedSummary.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import { SpeedProgress } from './SpeedProgress.tsx';
import { SpeedQuestion } from './SpeedQuestion.tsx';
import css from './speed.module.css';

export function SpeedTools() {
  const running = useStudio(
    (state) => state.speed.running !== null || state.speed.sweep.running !== null,
  );
  const asks = useStudio(asksToMeasure);
  return (
    <div>
      {running ? <SpeedProgress cancelTestId="speed-cancel" /> : <Buttons />}
      {asks && <SpeedQuestion testId="speed-question" />}
      <Auto />
    </div>
  );
}

function Buttons() {
  const quick = useStudio(TIMES.quick);
  const paper = useStudio(TIMES.paper);
  const sweep = useStudio(sweepTime);
  return (
    <div className={css.tools}>
      <CommandButton id="measure" label={withTime(SPEED.measure, quick)} testId="speed-measure" />
      <CommandButton
        id="measure-paper"
        label={withTime(SPEED.paper, paper)}
        testId="speed-measure-paper"
      />
      <CommandButton id="sweep" label={withTime(SPEED.batches, sweep)} testId="sweep" />
      {!quick && <span className={kit.note}>{SPEED.unknownTime}</span>}
      {quick?.isOfOther && <span className={kit.note}>{SPEED.otherModel}</span>}
    </div>
  );
}

function Auto() {
  const auto = useStudio((state) => state.speed.auto);
  const actions = useActions();
  return (
    <label className={css.auto}>
      <input
        type="checkbox"
        checked={auto !== false}
        data-testid="speed-auto"
        onChange={() => actions.setAutoMeasure(auto === false ? null : false)}
      />{' '}
      <span>
        {SPEED.auto}
        {auto !== false && (
          <span className={kit.note}> ({auto ? SPEED.autoAlways : SPEED.autoAsks})</span>
        )}
      </span>
    </label>
  );
}
