// How much the blocks are scored on before a plan is looked for, while there is no curve.

import { useId } from 'react';
import { QUICK, quickSeconds, USUAL, usualSeconds } from '../../state/estimate/selectors.ts';
import { canScore } from '../../state/score/selectors.ts';
import type { StudioState } from '../../state/state.ts';
import { aboutSeconds } from '../../words/duration.ts';
import { FORM, windows } from '../../words/goal.ts';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { useActions, useStudio } from '../studioContext.ts';

const CHOICES = [
  { name: FORM.usual, ...USUAL },
  { name: FORM.quick, ...QUICK },
] as const;

/** Windows of token ids are as they were given. */
const isAsked = (state: StudioState) =>
  !state.score.curve &&
  // It goes when scoring starts, on a click: at its end nothing may move.
  !state.score.running &&
  !state.goal.running &&
  canScore(state) &&
  state.score.settings.text.kind !== 'ids';

export function ScoreOn() {
  const asked = useStudio(isAsked);
  const samples = useStudio((state) => state.score.settings.samples);
  const length = useStudio((state) => state.score.settings.length);
  const quick = useStudio(quickSeconds);
  const usual = useStudio(usualSeconds);
  const actions = useActions();
  const name = useId();
  if (!asked) return null;
  const isOne = CHOICES.some((one) => one.samples === samples && one.length === length);
  const times: Partial<Record<string, typeof quick>> = { [FORM.quick]: quick, [FORM.usual]: usual };
  const timeOf = (one: string) => (times[one] ? `, ${aboutSeconds(times[one])}` : '');
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
            {one.name}{' '}
            <span className={kit.sub}>
              {windows(one.samples, one.length)}
              {timeOf(one.name)}
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
