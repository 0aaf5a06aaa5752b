// Window NLLs as measures, with intervals, and the collection of window NLLs over groups of
// windows.

import { pairedInterval } from '../../analysis/bootstrap.ts';
import { measureWindows } from '../../analysis/perplexity.ts';
import type { BlockScore, Measure, SublayerScore } from '../../contract/score.ts';
import type { SublayerUnit } from '../../units.ts';
import type { Ablation } from '../pass/schedule.ts';

/** A block's score with the 95 % interval of its difference to the original model. */
export function blockScore(
  index: number,
  nllPerWindow: readonly number[],
  baseline: Measure,
): BlockScore {
  return {
    index,
    ...measureWindows(nllPerWindow),
    ci95: pairedInterval(nllPerWindow, baseline.nllPerWindow),
  };
}

/** The same for a sublayer. */
export function sublayerScore(
  unit: SublayerUnit,
  nllPerWindow: readonly number[],
  baseline: Measure,
): SublayerScore {
  return {
    unit,
    ...measureWindows(nllPerWindow),
    ci95: pairedInterval(nllPerWindow, baseline.nllPerWindow),
  };
}

/** Window NLLs of one ablation; null where they are not known yet. */
export interface AblationNlls {
  ablation: Ablation;
  nll: (number | null)[];
}

/**
 * Collects the window NLLs of each ablation over groups of windows that are scored one after the
 * other.
 */
export class WindowResults {
  readonly windows: number;
  private readonly found = new Map<Ablation, (number | null)[]>();
  private readonly onComplete: (ablation: Ablation, nllPerWindow: number[]) => void;

  /** @param onComplete called once for each ablation, when all its windows are in */
  constructor(windows: number, onComplete: (ablation: Ablation, nllPerWindow: number[]) => void) {
    this.windows = windows;
    this.onComplete = onComplete;
  }

  /** Window NLLs of windows `from` onwards; `null` leaves a window open. */
  add(ablation: Ablation, from: number, values: readonly (number | null)[]): void {
    const row = this.found.get(ablation) ?? new Array<number | null>(this.windows).fill(null);
    const before = row.includes(null);
    for (const [k, value] of values.entries()) row[from + k] = value;
    this.found.set(ablation, row);
    const all = row.filter((value) => value !== null);
    if (before && all.length === row.length) this.onComplete(ablation, all);
  }

  /** True when the NLLs of windows `from` up to `from + count` are in. */
  has(ablation: Ablation, from = 0, count = this.windows): boolean {
    const row = this.found.get(ablation)?.slice(from, from + count);
    return row !== undefined && !row.includes(null);
  }

  saved(): AblationNlls[] {
    return [...this.found].map(([ablation, nll]) => ({ ablation, nll: [...nll] }));
  }
}
