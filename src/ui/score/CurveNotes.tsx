// What a whole curve does not show by itself: doubtful numbers, blocks that are too close to call,
// remarks. The row stands there, empty, while the curve grows.

import { listed } from '../../quantities.ts';
import { groupsOf, letter, noNumbersNotice, remarksOf } from '../../state/score/selectors.ts';
import { showsSublayers } from '../../state/sublayers/selectors.ts';
import { IMPORTANCE, onWindows } from '../../words/choose.ts';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { useStudio } from '../studioContext.ts';
import css from './importance.module.css';

/** What makes the numbers of this curve doubtful. */
export function Warnings() {
  const { warnings } = useStudio(remarksOf);
  const running = useStudio((state) => state.score.running !== null);
  const none = useStudio(noNumbersNotice);
  // They are in the notice that comes first then.
  if (running || none.length > 0) return null;
  return warnings.map((text) => (
    <p key={text} className={`${kit.callout} ${css.warning}`} data-testid="curve-warning">
      <strong>{IMPORTANCE.doubtful}</strong> {text}
    </p>
  ));
}

export function CurveNotes() {
  const isWhole = useStudio(({ score }) => score.curve !== null && score.running === null);
  const ofSublayers = useStudio(showsSublayers);
  return <div className={css.notesRow}>{isWhole && !ofSublayers && <Notes />}</div>;
}

function Notes() {
  const windows = useStudio((state) => state.score.curve?.result.windows.length ?? 0);
  const { notes, details } = useStudio(remarksOf);
  return (
    <>
      <div className={css.folds}>
        <Groups windows={windows} />
        {details.length > 0 && (
          <details className={css.groups} data-testid="curve-details">
            <summary>{IMPORTANCE.details}</summary>
            <p className={css.notes}>{details.join(' ')}</p>
          </details>
        )}
      </div>
      {windows === 1 && <p className={css.notes}>{IMPORTANCE.oneWindow}</p>}
      {notes.length > 0 && <p className={css.notes}>{notes.join(' ')}</p>}
    </>
  );
}

function Groups({ windows }: { windows: number }) {
  const groups = useStudio(groupsOf);
  if (groups.length === 0) return null;
  return (
    <details className={css.groups}>
      <summary>{IMPORTANCE.tooClose}</summary>
      <p className={css.notes}>
        <Term id="noise">{IMPORTANCE.noise}</Term>
        {onWindows(windows)}
      </p>
      <ul>
        {groups.map((group, i) => (
          <li key={group.join()}>
            <b>{letter(i)}</b> {listed([...group].sort((a, b) => a - b))}
          </li>
        ))}
      </ul>
    </details>
  );
}
