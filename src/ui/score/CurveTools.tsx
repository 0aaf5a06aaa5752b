// The row above the curve: the running scoring, or what can be done next. Of one height.

import { numBlocksOf } from '../../state/open/selectors.ts';
import { canScoreSublayers } from '../../state/sublayers/selectors.ts';
import { blockOf, IMPORTANCE } from '../../words/choose.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { JobRow } from '../kit/JobRow.tsx';
import { useStudio } from '../studioContext.ts';
import { useWide } from '../useWide.ts';
import css from './importance.module.css';

export function CurveTools() {
  const running = useStudio((state) => state.score.running !== null);
  return <div className={css.tools}>{running ? <Running /> : <Next />}</div>;
}

function Running() {
  const progress = useStudio((state) => state.score.progress);
  const cancelling = useStudio((state) => state.score.cancelling);
  const scored = useStudio((state) => state.score.running?.blocks.length ?? 0);
  const all = useStudio(numBlocksOf);
  return (
    <JobRow
      progress={progress}
      label={IMPORTANCE.scoring}
      at={blockOf(scored, all)}
      cancelling={cancelling}
    />
  );
}

function Next() {
  const hasCurve = useStudio((state) => state.score.curve !== null);
  const hasSublayers = useStudio(canScoreSublayers);
  const wide = useWide();
  return (
    <>
      <CommandButton id="settings" label={IMPORTANCE.settings} />
      <CommandButton id="score" label={hasCurve ? IMPORTANCE.again : IMPORTANCE.score} />
      {hasSublayers && (
        <CommandButton
          id="score-sublayers"
          label={wide ? IMPORTANCE.sublayers : IMPORTANCE.sublayersShort}
        />
      )}
    </>
  );
}
