// How much the blocks are scored on before a plan is looked for, while there is no curve.

import { useId } from 'react';
import { canScore } from '../../state/score/selectors.ts';
import type { StudioState } from '../../state/state.ts';
import { FORM, windows } from '../../words/goal.ts';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { useActions, useStudio } from '../studioContext.ts';

const CHOICES = [
  { name: FORM.usual, samples: 10, length: 128 },
  { name: FORM.quick, samples: 2, length: 32 },
] as const;

/** Windows of token ids are as they were given. */
const isAsked = (state: StudioState) =>
  !state.score.curve &&
  !state.goal.running &&
  canScore(state) &&
  state.score.settings.text.kind !== 'ids';

export function ScoreOn() {
  const asked = useStudio(isAsked);
  const samples = useStudio((state) => state.score.settings.samples);
  const length = useStudio((state) => state.score.settings.length);
  const actions = useActions();
  const name = useId();
  if (!asked) return null;
  const isOne = CHOICES.some((one) => one.samples === samples && one.length === length);
  const all = isOne ? CHOICES : [...CHOICES, { name: FORM.asSet, samples, length }];
  return (
    <fieldset className={kit.field}>
      <legend className={kit.hidden}>{FORM.look}</legend>
      <div className={kit.choices}>
        <span>
          {FORM.lookBefore} <Term id="windows">{FORM.lookOn}</Term>
        </span>
        {all.map((one) => (
          <label key={one.name}>
            <input
              type="radio"
              name={name}
              checked={one.samples === samples && one.length === length}
              data-testid={`goal-look-${one.samples}`}
              onChange={() => actions.setSettings({ samples: one.samples, length: one.length })}
            />{' '}
            {one.name} <span className={kit.sub}>{windows(one.samples, one.length)}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
