// How width is pruned, and what it will be held against.

import { useId } from 'react';
import type { WidthRequest } from '../../contract/comparison/width.ts';
import { plural } from '../../quantities.ts';
import { countUnits, listUnits } from '../../state/plan/unitWords.ts';
import { depthOfNow, usualBlocks } from '../../state/width/depth.ts';
import { multipleOf, widthObstacle, widthTime } from '../../state/width/selectors.ts';
import { comparesOrder, comparesPlan, scoresFirst, WIDTH } from '../../words/comparison/width.ts';
import { withTime } from '../../words/speedSummary.ts';
import { formatCount } from '../format.ts';
import { CommandButton } from '../kit/CommandButton.tsx';
import { Field } from '../kit/Field.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import css from './width.module.css';

const MULTIPLES = [1, 8, 16, 32, 64, 128] as const;

const VARIANCES = Object.keys(WIDTH.variances) as WidthRequest['flapVariance'][];

export function WidthForm() {
  const multiple = useStudio(multipleOf);
  const variance = useStudio((state) => state.width.form.flapVariance);
  const running = useStudio((state) => state.width.running !== null);
  const obstacle = useStudio(widthObstacle);
  const time = useStudio(widthTime);
  const actions = useActions();
  const hint = useId();
  return (
    <form
      className={kit.stack}
      aria-label={WIDTH.form}
      onSubmit={(event) => event.preventDefault()}
    >
      <div className={css.fields}>
        <Field label={WIDTH.multiple}>
          {(id) => (
            <select
              id={id}
              value={multiple}
              data-testid="width-multiple"
              disabled={running}
              onChange={({ target }) => actions.setWidth({ multiple: Number(target.value) })}
            >
              {MULTIPLES.map((one) => (
                <option key={one} value={one}>
                  {one}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label={WIDTH.variance}>
          {(id) => (
            <select
              id={id}
              value={variance}
              data-testid="width-variance"
              disabled={running}
              onChange={({ target }) =>
                actions.setWidth({
                  flapVariance: target.value as WidthRequest['flapVariance'],
                })
              }
            >
              {VARIANCES.map((one) => (
                <option key={one} value={one}>
                  {WIDTH.variances[one]}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
      {!running && (
        <div className={kit.row}>
          <CommandButton
            id="compare-width"
            label={withTime(WIDTH.start, time)}
            describedBy={hint}
          />
          <span id={hint} className={kit.sub} data-testid="width-why">
            {obstacle ?? <What />}
          </span>
        </div>
      )}
    </form>
  );
}

/** What will be held against what. */
function What() {
  const depth = useStudio(depthOfNow);
  const usual = useStudio(usualBlocks);
  if (!depth) return scoresFirst(plural(usual, 'block'));
  const weights = formatCount(depth.removedWeights);
  return depth.from === 'plan'
    ? comparesPlan(listUnits(depth.removed), weights)
    : comparesOrder(countUnits(depth.removed), weights);
}
