// What the page knows of the plan: its history, and why the last "remove the lowest" was refused.

import { blockOf } from '../../units.ts';
import { maybe, shape, text } from '../kept/form.ts';
import { blocks, units } from '../kept/forms.ts';
import { ofModel } from '../slice.ts';
import { type Plan, type PlanHistory, startHistory } from './plan.ts';

export type PlanSlice = PlanHistory & {
  /** Why the last "remove the k lowest" was refused, or ''. */
  refusal: string;
};

/** The plan of the address is of a link, or newer: then only locks come back. */
function withKept(own: Plan, kept: Plan): Plan {
  if (own.removed.length === 0 || own.removed.join() === kept.removed.join()) return kept;
  const taken = own.removed.map(blockOf);
  return { ...own, locked: kept.locked.filter((block) => !taken.includes(block)) };
}

export const PLAN = ofModel<PlanSlice>({ ...startHistory(), refusal: '' }, (slice) => slice, {
  version: 1,
  isMeasured: false,
  fields: {
    present: { is: shape<Plan>({ removed: units, locked: blocks, healing: maybe(text) }) },
  },
  count: ({ present }) => (present && present.removed.length + present.locked.length > 0 ? 1 : 0),
  put: (slice, { present }) =>
    present && present !== slice.present
      ? { ...slice, ...startHistory(withKept(slice.present, present)), refusal: '' }
      : slice,
});
