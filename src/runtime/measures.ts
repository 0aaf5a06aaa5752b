// Window NLLs as the measures that travel to the page; must not run anything.

import { pairedInterval } from '../analysis/bootstrap.ts';
import { measureWindows } from '../analysis/perplexity.ts';
import type { BlockScore, Measure } from '../worker/api.ts';
import type { Variant } from './schedule.ts';

/** A block's score with the 95 % interval of its difference to the intact model. */
export function blockScore(index: number, nllPerWindow: readonly number[], baseline: Measure): BlockScore {
  return { index, ...measureWindows(nllPerWindow), ci95: pairedInterval(nllPerWindow, baseline.nllPerWindow) };
}

/** Collects the window NLLs of each variant over groups of windows that are scored one after the other. */
export class Grouped {
  private readonly parts = new Map<Variant, { groups: number; values: number[] }>();
  private readonly groups: number;

  constructor(groups: number) {
    this.groups = groups;
  }

  /** All window NLLs once the last group is in, else null. */
  add(variant: Variant, values: readonly number[]): number[] | null {
    const part = this.parts.get(variant) ?? { groups: 0, values: [] };
    part.groups += 1;
    part.values.push(...values);
    this.parts.set(variant, part);
    return part.groups === this.groups ? part.values : null;
  }
}
