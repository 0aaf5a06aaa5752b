// The importance curve as the page shows it: its points, what it was measured on, whether it can be
// measured.

import { hasNumbers } from '../../analysis/perplexity.ts';
import { noiseGroups } from '../../analysis/ranking.ts';
import type { Measure, ScoreResult, TextSource } from '../../contract/score.ts';
import { blockOf, type Sublayer, sublayerOf, sublayerUnits } from '../../units.ts';
import { BEFORE, NO_NUMBERS } from '../../words/choose.ts';
import { RESULT } from '../../words/result.ts';
import { deviceName } from '../device/selectors.ts';
import { settingsKey } from '../keys.ts';
import { derive } from '../memo.ts';
import { modelOf, numBlocksOf } from '../open/selectors.ts';
import type { StudioState } from '../state.ts';
import type { GrowingCurve } from './state.ts';
import { nameOfText, windowsOf } from './text.ts';

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
  /** Neither the model nor what is left without the block gives numbers. */
  noNumber: boolean;
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

/** One window says nothing of how windows differ, nor do numbers that are none. */
const hasIntervals = (baseline: Measure) =>
  baseline.nllPerWindow.length > 1 && hasNumbers(baseline);

/**
 * Groups of two or more blocks that are within noise of each other, least important first; empty
 * while the curve grows.
 */
export const groupsOf = derive(
  (state: StudioState) => [state.score.curve],
  (curve) =>
    curve && hasIntervals(curve.result.baseline)
      ? noiseGroups(curve.result.blocks).filter((group) => group.length > 1)
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
    const isSound = !baseline || hasNumbers(baseline);
    const byIndex = new Map(shown?.blocks.map((block) => [block.index, block]));
    const scores = (model?.summary.blocks ?? []).map(({ index }): BlockView => {
      const score = byIndex.get(index);
      const noNumber = score !== undefined && !isSound && !hasNumbers(score);
      const known = score && !score.refused && !noNumber;
      const groupIndex = running ? -1 : groups.findIndex((group) => group.includes(index));
      return {
        index,
        nll: known ? score.nll : null,
        low: known && spread ? spread.nll + score.ci95[0] : Number.NaN,
        high: known && spread ? spread.nll + score.ci95[1] : Number.NaN,
        refused: score?.refused ?? null,
        noNumber,
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

/**
 * Why nothing is ranked by the current curve: the intact model gives no numbers. Null when it does,
 * and without a curve.
 */
export function noNumbers({ score: { curve } }: StudioState): string | null {
  return curve && !hasNumbers(curve.result.baseline) ? NO_NUMBERS.obstacle : null;
}

/** The same in full: sentences, and the blocks without which numbers come back. */
export const noNumbersNotice = derive(
  (state: StudioState) => [curveData(state), state.score.curve, state.score.running],
  ({ baseline, scores }, curve, running): readonly string[] => {
    if (!baseline || hasNumbers(baseline)) return [];
    if (running || !curve) return [NO_NUMBERS.growing];
    const sound = scores.filter(({ nll }) => nll !== null).map(({ index }) => index);
    const back = NO_NUMBERS.comesBack(sound.join(', '), sound.length);
    const warnings = curve.result.warnings ?? [];
    return [
      ...(warnings.length > 0 ? warnings : [NO_NUMBERS.unnamed]),
      ...(sound.length > 0 ? [back] : []),
    ];
  },
);

/** 0 -> a, 25 -> z, 26 -> aa. */
export function letter(i: number): string {
  return (i >= 26 ? letter(Math.floor(i / 26) - 1) : '') + String.fromCharCode(97 + (i % 26));
}

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

/** Why nothing can be scored, or null. */
export function scoringObstacle(state: StudioState): string | null {
  if (canScore(state)) return null;
  return state.model.current?.summary.canScore ? BEFORE.noTokenizer : RESULT.noPerplexity;
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
    `stopped after ${stopped.blocks.length} of ${numBlocksOf(state)} ` +
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
 * What the current curve was measured on: "10 windows × 128 tokens, bundled text, CPU (wasm)".
 * The one that grows, or was stopped, counts only before there is any.
 */
export function measuredOn(state: StudioState): string {
  const { curve } = state.score;
  const { running, stopped } = state.score;
  if (!curve) return stopped && !running ? growingOn(stopped) : runningOn(state);
  return `${onWords(curve.result)}${curve.restored ? ', from a file' : ''}`;
}

/** What a curve was measured on, by its own record. */
export function onWords({
  settings: used,
  windows,
  device,
}: Pick<ScoreResult, 'settings' | 'windows' | 'device'>): string {
  const given = used.sampler === 'given';
  const name = given ? `token ids of ${used.text}` : used.text;
  const text = used.text === 'bundled' ? 'bundled text' : name;
  const start = used.bos === 'every' ? ', each with BOS' : '';
  const source: TextSource = given
    ? { kind: 'ids', name: used.text, windows }
    : { kind: 'bundled' };
  const count = windowsOf({ text: source, samples: windows.length, length: used.length });
  return `${count}${start}, ${text}, ${deviceName(device)}`;
}
