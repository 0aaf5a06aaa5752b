// Which method heals, each with what it does and what it costs.

import type { HealMethod } from '../../contract/heal.ts';
import { HEAL, METHODS } from '../../words/heal.ts';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { MethodCards } from '../kit/workspace/MethodCards.tsx';
import { useActions, useStudio } from '../studioContext.ts';

const ORDER: readonly HealMethod[] = ['refit', 'lora', 'full'];

/** The method that the form is about: a refit that goes before a training is a setting of that. */
export const mainMethod = (methods: readonly HealMethod[]): HealMethod =>
  methods.find((one) => one !== 'refit') ?? 'refit';

export function MethodChoice() {
  const methods = useStudio((state) => state.heal.form.methods);
  const actions = useActions();
  const main = mainMethod(methods);
  const choose = (method: HealMethod) => {
    const refitsFirst = main !== 'refit' && methods.includes('refit');
    actions.setHealMethods(method !== 'refit' && refitsFirst ? ['refit', method] : [method]);
  };
  return (
    <fieldset className={kit.field}>
      <legend>{HEAL.method}</legend>
      <MethodCards
        id="heal"
        cards={ORDER.map((method) => {
          const { name, does, costs } = METHODS[method];
          return { method, name, about: `${does} ${costs}` };
        })}
        chosen={main}
        onChoose={choose}
      />
      <p className={kit.sub}>
        {HEAL.explained} <Term id="healing">{HEAL.healingTerm}</Term>,{' '}
        <Term id="refit">{METHODS.refit.name}</Term>, <Term id="lora">{METHODS.lora.name}</Term>
      </p>
    </fieldset>
  );
}
