// The calibration study as the page shows it: what it would run, how stable the order is over the
// runs, whether the plan is within noise.

import { criterionOrder } from '../../analysis/criteriaComparison.ts';
import {
  orderStability,
  type PlanStability,
  planStability,
  type Stability,
  type StudyRun,
} from '../../analysis/stability.ts';
import type { ScoreSettings } from '../../contract/score.ts';
import { wholeBlocks } from '../../units.ts';
import { gradientObstacle } from '../criteria/gradients.ts';
import { staying } from '../criteria/selectors.ts';
import { effectView } from '../effect/selectors.ts';
import { engineObstacle } from '../jobs.ts';
import { settingsKey } from '../keys.ts';
import { derive } from '../memo.ts';
import { numBlocksOf } from '../open/selectors.ts';
import { scoringObstacle } from '../score/selectors.ts';
import { nameOfText } from '../score/text.ts';
import type { StudioState } from '../state.ts';
import { pplRuns, studyRuns } from './order.ts';

/** Numbers of windows to choose from. */
export const STUDY_SIZES = [10, 50, 100] as const;

export interface PlannedRun {
  key: string;
  label: string;
  settings: ScoreSettings;
}

/**
 * Every run that the form asks for: windows at random, with the page's own length, BOS policy and
 * device.
 */
export const plannedRuns = derive(
  (state: StudioState) => [state.stability.form, state.score.settings],
  ({ sizes, seeds, bundled, own }, settings): PlannedRun[] => {
    const texts: ScoreSettings['text'][] = [];
    if (bundled || settings.text.kind !== 'text') texts.push({ kind: 'bundled' });
    if (own && settings.text.kind === 'text') texts.push(settings.text);
    return texts.flatMap((text) =>
      [...sizes]
        .sort((a, b) => a - b)
        .flatMap((samples) =>
          Array.from({ length: seeds }, (_, seed): PlannedRun => {
            const asked: ScoreSettings = { ...settings, text, samples, sampler: 'random', seed };
            return {
              key: settingsKey(asked),
              label: `${samples} windows, seed ${seed}, ${nameOfText(text)}`,
              settings: asked,
            };
          }),
        ),
    );
  },
);

/** The runs of the studied criterion that are done. */
export const doneRuns = ({
  stability: { criterion, runs, taylorRuns },
}: StudioState): readonly { key: string }[] => (criterion === 'taylor' ? taylorRuns : runs);

/** Those that are still to be done. */
export const missingRuns = derive(
  (state: StudioState) => [plannedRuns(state), doneRuns(state)],
  (planned, runs): PlannedRun[] =>
    planned.filter(({ key }) => !runs.some((run) => run.key === key)),
);

/** Why no study can start now, or null. */
export function studyObstacle(state: StudioState): string | null {
  if (!state.model.current) return 'No model is open.';
  const unscored = scoringObstacle(state);
  if (unscored !== null) return unscored;
  if (!state.model.current.hasTokenizer)
    return 'There is no tokenizer in this folder, so no other windows can be sampled.';
  const { criterion } = state.stability;
  const without = criterion === 'taylor' ? gradientObstacle(state) : null;
  if (without !== null) return without;
  const busy = engineObstacle(state);
  if (busy !== null) return busy;
  if (plannedRuns(state).length === 0) return 'Choose a number of windows and a text.';
  return missingRuns(state).length === 0 ? 'All these runs are done.' : null;
}

/**
 * The k whose lowest blocks are counted: as chosen, else as many as the plan removes, else three.
 */
export function studyCount(state: StudioState): number {
  const blocks = numBlocksOf(state);
  const wanted = state.stability.k ?? (wholeBlocks(state.plan.present.removed).length || 3);
  return Math.max(1, Math.min(wanted, blocks - staying(state).length));
}

export interface StabilityView extends Stability {
  k: number;
  runs: readonly StudyRun[];
  /** The k lowest unlocked blocks of each run. */
  lowest: readonly (readonly number[])[];
  /** Mean correlation of each run with the others; null with a single run. */
  agreement: readonly (number | null)[];
  /** Lowest and highest correlation of two runs; null without any. */
  range: readonly [number, number] | null;
}

/** Null while there are fewer than two runs. */
export const stabilityView = derive(
  (state: StudioState) => [studyRuns(state), studyCount(state), staying(state)],
  (runs, k, locked): StabilityView | null => {
    if (runs.length < 2) return null;
    const stability = orderStability(runs, k, locked);
    const known = stability.pairs.filter(({ spearman }) => spearman !== null);
    const agreement = runs.map((_, run) => {
      const own = known
        .filter(({ a, b }) => a === run || b === run)
        .map(({ spearman }) => spearman!);
      return own.length > 0 ? own.reduce((sum, value) => sum + value, 0) / own.length : null;
    });
    const lowestOf = runs.map(({ scores }) => criterionOrder(scores, locked).slice(0, k));
    const all = known.map(({ spearman }) => spearman!);
    return {
      ...stability,
      k,
      runs,
      lowest: lowestOf,
      agreement,
      range: all.length > 0 ? [Math.min(...all), Math.max(...all)] : null,
    };
  },
);

const lowestFree = (order: readonly number[], k: number, locked: readonly number[]) =>
  order.filter((block) => !locked.includes(block)).slice(0, k);

/** The plan when it was chosen by perplexity: the k lowest of the current curve. */
const chosenByPpl = derive(
  (state: StudioState) => [state.score.curve, state.plan.present.removed, staying(state)],
  (curve, removed, locked): readonly number[] | null => {
    const blocks = wholeBlocks(removed);
    if (blocks.length === 0 || blocks.length < removed.length) return null;
    const lowest = lowestFree(curve?.result.order ?? [], blocks.length, locked);
    return blocks.every((block) => lowest.includes(block)) ? blocks : null;
  },
);

const noiseOfPlan = derive(
  (state: StudioState) => [pplRuns(state), chosenByPpl(state), staying(state)],
  (runs, plan, locked): PlanStability | null =>
    plan && runs.length > 0 ? planStability(runs, plan, locked) : null,
);

/**
 * How the runs of perplexity see the plan, when other windows might well have chosen another; null
 * where nothing can be said. Not while the plan changes.
 */
export function planWithinNoise(state: StudioState): PlanStability | null {
  if (state.stability.runs.length === 0 || effectView(state).stale) return null;
  const noise = noiseOfPlan(state);
  return noise?.withinNoise ? noise : null;
}
