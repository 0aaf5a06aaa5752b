// Whether the kit for continued pretraining is written beside a pruned checkpoint.

import { kitObstacle, kitWindows, offersKit } from '../../state/export/kit.ts';
import { KIT } from '../../words/dialogs/export.ts';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { useActions, useStudio } from '../studioContext.ts';

/** Nothing for other formats. */
export function KitChoice() {
  const offered = useStudio(offersKit);
  const obstacle = useStudio(kitObstacle);
  const isChecked = useStudio((state) => kitWindows(state) !== null);
  const chosen = useStudio((state) => state.export.kit);
  const actions = useActions();
  if (!offered) return null;
  return (
    <div>
      <label>
        <input
          type="checkbox"
          checked={chosen && obstacle === null}
          disabled={obstacle !== null}
          aria-describedby="kit-note"
          data-testid="export-kit"
          onChange={(event) => actions.setKit(event.target.checked)}
        />{' '}
        {KIT.add}
      </label>{' '}
      <Term id="continuedPretraining">{KIT.term}</Term>
      <div id="kit-note" className={kit.note}>
        {obstacle ?? KIT.what} {chosen && !isChecked && obstacle === null && KIT.unchecked}
      </div>
    </div>
  );
}
