// The sections of a report in their order: those that have anything to say. Pure.

import type { StudioState } from '../../../state/state.ts';
import { REPORT } from '../../../words/takeaway/report.ts';
import { caveats, glossary, references } from './closing.ts';
import { goal, method, model, summary } from './opening.ts';
import type { Section } from './parts.ts';
import { plan, speeds } from './plan.ts';
import * as results from './results.ts';

export function sectionsOf(state: StudioState, when: Date): Section[] {
  const found = [
    summary(state),
    goal(state),
    model(state),
    method(state, when),
    results.importance(state),
    results.sublayers(state),
    plan(state),
    speeds(state),
    results.healing(state),
    results.quantisation(state),
    results.evaluation(state),
    results.tasks(state),
    results.texts(state),
    results.search(state),
    results.criteria(state),
    results.stability(state),
    results.width(state),
    results.variants(state),
    caveats(state),
  ].filter((section) => section !== null);
  return [...found, glossary(found), references()];
}

/** Titles of the results that a study may have and this one has not. */
export function missingFrom(sections: readonly Section[]): string[] {
  const all = [
    'importance',
    'sublayers',
    'speed',
    'healing',
    'quantisation',
    'evaluation',
    'tasks',
    'texts',
    'search',
    'criteria',
    'stability',
  ] as const;
  return all.filter((id) => !sections.some((one) => one.id === id)).map((id) => REPORT[id]);
}
