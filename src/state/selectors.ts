// What the page shows, derived from the state: curve points, sizes, what is stale. Pure and memoised.

import { equalGroups } from '../analysis/ranking.ts';
import type { DeviceKind } from '../contract/device.ts';
import type { PlanResult } from '../contract/plan.ts';
import type { Measure, TextSource } from '../contract/score.ts';
import { planSize } from '../model/open/size.ts';
import type { ModelSummary } from '../model/open/summary.ts';
import { unitObstacle } from '../model/structure/removable.ts';
import {
  blockOf,
  blocksLeft,
  type Sublayer,
  sublayerOf,
  sublayerUnits,
  type Unit,
} from '../units.ts';
import { currentOrder } from './criteria/orders.ts';
import { effectKey, settingsKey } from './keys.ts';
import { derive } from './memo.ts';
import { modelOf } from './open/selectors.ts';
import type { OpenModel } from './open/state.ts';
import { unlockedBlocks } from './plan/locks.ts';
import { countSublayers } from './plan/unitWords.ts';
import type { GrowingCurve } from './score/state.ts';
import { nameOfText, windowsOf } from './score/text.ts';
import type { StudioState } from './state.ts';
import { lowestSublayers } from './sublayers/selectors.ts';

export interface BlockView {
  index: number;
  /** Mean NLL in nats without the block, or null while unknown. */
  nll: number | null;
  /**
   * 95 % interval of that NLL, paired with the original; NaN while unknown and for a single
   * window.
   */
  low: number;
  high: number;
  refused: string | null;
  /** Letter of its group within noise ("a": least important), or '' outside one. */
  group: string;
  /** The other blocks of its group, ascending. */
  withinNoise: readonly number[];
}

export interface CurvePoint extends BlockView {
  removed: boolean;
  /** The sublayer that is removed alone. */
  removedSublayer: Sublayer | null;
  locked: boolean;
}

export interface CurveData {
  baseline: Measure | null;
  scores: readonly BlockView[];
  growing: boolean;
}

export interface CurveView {
  baseline: Measure | null;
  points: readonly CurvePoint[];
  growing: boolean;
}

/** One window says nothing of how windows differ: no interval, and no groups. */
const hasIntervals = (baseline: Measure) => baseline.nllPerWindow.length > 1;

/**
 * Groups of two or more blocks that are within noise of each other, least important first; empty
 * while the curve grows.
 */
export const groupsOf = derive(
  (state: StudioState) => [state.score.curve],
  (curve) =>
    curve && hasIntervals(curve.result.baseline)
      ? equalGroups(curve.result.blocks).filter((group) => group.length > 1)
      : [],
);

/**
 * The curve that is shown: the one that grows, else the current one, else what a stopped run left.
 * Does not change with the plan.
 */
export const curveData = derive(
  (state: StudioState) => [
    modelOf(state),
    state.score.running,
    state.score.curve,
    groupsOf(state),
    state.score.stopped,
  ],
  (model, running, curve, groups, stopped): CurveData => {
    const shown =
      running ??
      (curve ? { baseline: curve.result.baseline, blocks: curve.result.blocks } : stopped);
    const baseline = shown?.baseline ?? null;
    const spread = baseline && hasIntervals(baseline) ? baseline : null;
    const byIndex = new Map(shown?.blocks.map((block) => [block.index, block]));
    const scores = (model?.summary.blocks ?? []).map(({ index }): BlockView => {
      const score = byIndex.get(index);
      const known = score && !score.refused;
      const groupIndex = running ? -1 : groups.findIndex((group) => group.includes(index));
      return {
        index,
        nll: known ? score.nll : null,
        low: known && spread ? spread.nll + score.ci95[0] : Number.NaN,
        high: known && spread ? spread.nll + score.ci95[1] : Number.NaN,
        refused: score?.refused ?? null,
        group: groupIndex < 0 ? '' : letter(groupIndex),
        withinNoise: (groups[groupIndex] ?? [])
          .filter((other) => other !== index)
          .sort((a, b) => a - b),
      };
    });
    return { baseline, scores, growing: running !== null };
  },
);

/** The curve together with what the plan makes of each block. */
export const curveView = derive(
  (state: StudioState) => [curveData(state), state.plan.present],
  ({ baseline, scores, growing }, { removed, locked }): CurveView => {
    const sublayers = new Map(
      sublayerUnits(removed).map((unit) => [blockOf(unit), sublayerOf(unit)]),
    );
    const points = scores.map((score) => ({
      ...score,
      removed: removed.includes(score.index),
      removedSublayer: sublayers.get(score.index) ?? null,
      locked: locked.includes(score.index),
    }));
    return { baseline, points, growing };
  },
);

/** 0 -> a, 25 -> z, 26 -> aa. */
export function letter(i: number): string {
  return (i >= 26 ? letter(Math.floor(i / 26) - 1) : '') + String.fromCharCode(97 + (i % 26));
}

export interface EffectView {
  original: Measure | null;
  /** Of the plan, or of an older plan while `stale`. */
  pruned: Measure | PlanResult | null;
  stale: boolean;
  /** True when a measurement was asked for and is not there yet. */
  waiting: boolean;
  size: { params: number; bytes: number; kvBytesPerToken: number } | null;
}

export const effectView = derive(
  (state: StudioState) => [
    modelOf(state),
    state.plan.present.removed,
    state.score.curve,
    state.score.running?.baseline,
    state.effect,
    effectKey(state),
  ],
  (model, removed, curve, growing, effect, key): EffectView => {
    const original = curve?.result.baseline ?? growing ?? null;
    // Nothing removed: the model as it is, although an export would write it a little differently.
    const size =
      model && (removed.length > 0 ? planSize(model.summary, [...removed]) : model.summary);
    if (key === null)
      return {
        original,
        pruned: removed.length ? null : original,
        stale: false,
        waiting: false,
        size,
      };
    const stale = effect.shown?.key !== key;
    return {
      original,
      pruned: effect.shown?.result ?? null,
      stale,
      waiting: stale && effect.asked === key,
      size,
    };
  },
);

/**
 * What makes the numbers of the shown curve doubtful; what is worth knowing about how they came
 * about; and details of the implementation, which are shown on request only.
 */
export const remarksOf = derive(
  (state: StudioState) => [state.score.curve] as const,
  (curve) => {
    const warnings = curve?.result.warnings ?? [];
    return {
      warnings,
      notes: (curve?.notes ?? []).filter((note) => !warnings.includes(note)),
      details: (curve?.result.rewrites ?? []).map(
        (text) => `Graph rewritten for scoring: ${text}.`,
      ),
    };
  },
);

/** True when the settings are no longer those of the curve that is shown. */
export function settingsChanged(state: StudioState): boolean {
  const { curve, settings } = state.score;
  return curve !== null && curve.settingsKey !== settingsKey(settings);
}

/**
 * False when the graph gives no perplexity, or nothing can make windows: no tokenizer and no token
 * ids.
 */
export function canScore(state: StudioState): boolean {
  const { current } = state.model;
  if (!current?.summary.canScore) return false;
  return current.hasTokenizer || state.score.settings.text.kind === 'ids';
}

/** A device as the page names it everywhere; GPUs with their own name. */
export function deviceName({ kind, name }: { kind: DeviceKind; name: string }): string {
  if (kind === 'wasm') return name.replace(/^CPU \(wasm(.*)\)$/, 'WebAssembly$1');
  return name.startsWith('WebGPU') ? name : `WebGPU (${name})`;
}

/** What the curve that grows is measured on, by the settings of its run; '' when none grows. */
export function runningOn({ score }: StudioState): string {
  return score.running ? growingOn(score.running) : '';
}

/**
 * How far a run came that was stopped, while it is what the page shows: "stopped after 9 of 16
 * blocks, 10 windows × …"; '' otherwise.
 */
export function stoppedAfter(state: StudioState): string {
  const { running, curve, stopped } = state.score;
  if (running || curve || !stopped) return '';
  return (
    `stopped after ${stopped.blocks.length} of ${modelOf(state)?.summary.numBlocks ?? 0} ` +
    `blocks, ${growingOn(stopped)}`
  );
}

function growingOn({ settings, windows, device }: GrowingCurve): string {
  const where = device ? `, ${deviceName(device)}` : '';
  return (
    `${windowsOf({ ...settings, samples: windows || settings.samples })}, ` +
    `${nameOfText(settings.text)}${where}`
  );
}

/**
 * What the current curve was measured on: "10 windows × 128 tokens, bundled text, WebAssembly".
 * The one that grows counts only before there is any.
 */
export function measuredOn(state: StudioState): string {
  const { curve } = state.score;
  if (!curve) return runningOn(state);
  const { settings: used, windows, device } = curve.result;
  const given = used.sampler === 'given';
  const text =
    used.text === 'bundled' ? 'bundled text' : given ? `token ids of ${used.text}` : used.text;
  const start = used.bos === 'every' ? ', each with BOS' : '';
  const source: TextSource = given
    ? { kind: 'ids', name: used.text, windows }
    : { kind: 'bundled' };
  const count = windowsOf({ text: source, samples: windows.length, length: used.length });
  return `${count}${start}, ${text}, ${deviceName(device)}${curve.restored ? ', from a file' : ''}`;
}

/** What a plan keeps: "12 of 16", "15 of 16 (2 in part)", "15 of 16 blocks (2 in part)". */
export function keptWords(
  { summary: { numBlocks } }: OpenModel,
  removed: readonly Unit[],
  noun = '',
): string {
  const sublayers = sublayerUnits(removed).length;
  return (
    `${blocksLeft(numBlocks, removed)} of ` +
    `${numBlocks}${noun && ` ${noun}`}${sublayers > 0 ? ` (${sublayers} in part)` : ''}`
  );
}

/**
 * True when the plan is not simply the k lowest that can be removed, by the current order or of the
 * sublayers.
 */
export const isOwnChoice = derive(
  (state: StudioState) => [
    currentOrder(state),
    unlockedBlocks(state),
    state.plan.present.removed,
    lowestSublayers(state, countSublayers(state.plan.present.removed)).join(),
  ],
  (order, unlocked, removed, lowestOfSublayers): boolean => {
    if (!order || removed.length === 0 || lowestOfSublayers === removed.join()) return false;
    const lowest = order.take(unlocked, removed.length);
    return (
      lowest.length < removed.length ||
      removed.some((unit) => typeof unit !== 'number' || !lowest.includes(unit))
    );
  },
);

/** Those of the units that can be removed from a model of these blocks. */
export function removableUnits<U extends Unit>(
  blocks: ModelSummary['blocks'],
  units: readonly U[],
): U[] {
  return units.filter((unit) => unitObstacle(blocks, unit) === null);
}
