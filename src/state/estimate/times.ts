// How long runs take on the open model: by the current curve, or by runs that were timed for this.

import type { BrowserDeviceKind } from '../../contract/device.ts';
import type { RunTime, RunTimes } from '../../contract/runTimes.ts';
import type { ModelSummary } from '../../model/open/summary.ts';
import { deviceOf } from '../device/selectors.ts';
import { modelOf } from '../open/selectors.ts';
import type { StudioState } from '../state.ts';
import { curveWork, type Work } from './work.ts';

/** Seconds that something takes: between these two. */
export interface Seconds {
  low: number;
  high: number;
}

/** Times of runs on one device, and how far they may be off. */
export interface Times {
  /** Seconds per token of one block, and of the head. */
  block: number;
  head: number;
  /** Seconds until the first run: programs are compiled, weights are read. */
  start: Seconds;
  /** Bytes per second from the files; null while unknown. */
  bytesPerSecond: number | null;
  /** Measured seconds are expected between these multiples of what the times give. */
  spread: Seconds;
}

/** The same windows on the same device have run before; other windows differ a little more. */
const BY_CURVE: Seconds = { low: 0.9, high: 1.15 };
/** Timed runs are the fastest of a few: a long job on a busy machine is slower. */
const BY_RUNS: Seconds = { low: 0.95, high: 1.45 };
/** For windows of a length that never ran, whose attention and batches differ. */
const OTHER_LENGTH: Seconds = { low: 0.8, high: 1.25 };

type Device = 'auto' | BrowserDeviceKind;

/** Tokens of windows in all. */
export const tokensOf = (windows: readonly (readonly number[])[]): number =>
  windows.reduce((sum, window) => sum + window.length, 0);

/** Products of the head over those of a mean block, for one token. */
function headShare({ blocks, vocabSize, hiddenSize }: ModelSummary): number {
  const params = blocks.reduce((sum, block) => sum + block.params, 0) / Math.max(1, blocks.length);
  return ((vocabSize ?? 0) * (hiddenSize ?? 0)) / Math.max(1, params);
}

const both = (a: Seconds, b: Seconds): Seconds => ({ low: a.low * b.low, high: a.high * b.high });

/** Runs that were timed for this request, or else on the device that it leads to. */
function timedOn({ estimate }: StudioState, device: Device, kind: BrowserDeviceKind | null) {
  const others = [...estimate.times.values()];
  return (
    estimate.times.get(device) ??
    others.find((times) => times && times.device.kind === kind) ??
    null
  );
}

/** Of the windows that are nearest in length. */
function nearest({ runs }: RunTimes, length: number): RunTime | null {
  const distance = (run: RunTime) => Math.abs(Math.log(run.length / length));
  return [...runs].sort((a, b) => distance(a) - distance(b))[0] ?? null;
}

const perToken = (run: RunTime) => run.blockSeconds / run.length;

/** Time of the head over that of a block. */
function headRatio(run: RunTime | null, summary: ModelSummary): number {
  if (!run || run.headSeconds === null || run.blockSeconds <= 0) return headShare(summary);
  return run.headSeconds / run.blockSeconds;
}

const rateOf = ({ bytesRead, readSeconds }: RunTimes): number | null =>
  bytesRead > 0 && readSeconds > 0 ? bytesRead / readSeconds : null;

/** By the current curve, when this session scored it on the device. */
function byCurve(state: StudioState, device: Device, length: number): Times | null {
  const { curve } = state.score;
  const summary = modelOf(state)?.summary;
  if (!curve || !summary || curve.restored) return null;
  const { windows, seconds, pass, device: used } = curve.result;
  const tokens = tokensOf(windows);
  if (deviceOf(state, device) !== used.kind || tokens === 0) return null;
  // Without its own time, all of the curve's is taken for runs; a resumed one ran a part only.
  if (!pass && curve.resumed) return null;
  const whole = curveWork(summary.numBlocks, 1);
  const share = (pass?.blockRuns ?? whole.blocks) / whole.blocks;
  if (share === 0) return null;
  const own = Math.round(tokens / windows.length);
  const timed = timedOn(state, device, used.kind);
  // Runs of the very length say more than a curve of another one.
  if (own !== length && timed?.runs.some((run) => run.length === length)) return null;
  const ratio = headRatio(timed && nearest(timed, own), summary);
  const runs = (whole.blocks + whole.heads * ratio) * share * tokens;
  const block = (pass?.seconds ?? seconds) / runs;
  return {
    block,
    head: block * ratio,
    // The weights are still there, unless something else took their place.
    start: { low: 0, high: pass && !curve.resumed ? Math.max(0, seconds - pass.seconds) : 0 },
    bytesPerSecond: timed && rateOf(timed),
    spread: own === length ? BY_CURVE : both(BY_CURVE, OTHER_LENGTH),
  };
}

/** Programs that are not blocks: side values, embedding, head. */
const OTHER_PROGRAMS = 3;

function byRuns(state: StudioState, device: Device, length: number): Times | null {
  const timed = timedOn(state, device, deviceOf(state, device));
  const run = timed && nearest(timed, length);
  const summary = modelOf(state)?.summary;
  if (!run || !summary) return null;
  const block = perToken(run);
  const programs = new Set(summary.blocks.map((one) => one.class)).size + OTHER_PROGRAMS;
  const bytesPerSecond = rateOf(timed);
  const reading = bytesPerSecond === null ? 0 : summary.bytes / bytesPerSecond;
  const start = programs * timed.compileSeconds + reading;
  return {
    block,
    head: block * headRatio(run, summary),
    start: { low: state.score.curve ? 0 : start, high: start },
    bytesPerSecond,
    spread: run.length === length ? BY_RUNS : both(BY_RUNS, OTHER_LENGTH),
  };
}

/** Null while nothing is known of this device. */
export function timesOf(state: StudioState, device: Device, length: number): Times | null {
  return byCurve(state, device, length) ?? byRuns(state, device, length);
}

/** Seconds of `most` at most and of `least` at least. */
export function secondsOf(times: Times | null, most: Work, least: Work = most): Seconds | null {
  if (!times) return null;
  const runs = (work: Work) => work.blocks * times.block + work.heads * times.head;
  return {
    low: times.start.low + runs(least) * times.spread.low,
    high: times.start.high + runs(most) * times.spread.high,
  };
}
