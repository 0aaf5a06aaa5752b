// How long runs take on the open model: by the current curve, or by runs that were timed for this.

import type { DeviceKind } from '../../contract/device.ts';
import type { RunTimes } from '../../contract/runTimes.ts';
import type { ModelSummary } from '../../model/open/summary.ts';
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
  /** Seconds until the model is compiled and its weights are read; in the curve's time already. */
  start: number;
  /** Bytes per second from the files; null while unknown. */
  bytesPerSecond: number | null;
  /** Measured seconds are expected between these multiples of what the times give. */
  spread: Seconds;
}

/** The same windows on the same device have run before; other windows differ a little more. */
const BY_CURVE: Seconds = { low: 0.85, high: 1.15 };
const BY_RUNS: Seconds = { low: 0.85, high: 1.25 };
/** For windows of another length, whose attention and batches differ. */
const OTHER_LENGTH: Seconds = { low: 0.85, high: 1.2 };

/** What `auto` means on this machine; null while that is not known. */
function deviceOf(state: StudioState, device: 'auto' | DeviceKind): DeviceKind | null {
  return device === 'auto' ? (state.device.report?.preferred ?? null) : device;
}

/** Names runs on a device by what they depend on. */
export const timesKey = (device: 'auto' | DeviceKind, length: number): string =>
  `${device}/${length}`;

/** Tokens of windows in all. */
export const tokensOf = (windows: readonly (readonly number[])[]): number =>
  windows.reduce((sum, window) => sum + window.length, 0);

/** Products of the head over those of a mean block, for one token. */
function headShare({ blocks, vocabSize, hiddenSize }: ModelSummary): number {
  const params = blocks.reduce((sum, block) => sum + block.params, 0) / Math.max(1, blocks.length);
  return (vocabSize * hiddenSize) / Math.max(1, params);
}

const times2 = (a: Seconds, b: Seconds): Seconds => ({ low: a.low * b.low, high: a.high * b.high });

/** By the current curve, when this session scored all of it on the device. */
function byCurve(state: StudioState, device: 'auto' | DeviceKind, length: number): Times | null {
  const { curve } = state.score;
  const summary = modelOf(state)?.summary;
  if (!curve || !summary || curve.restored || curve.resumed) return null;
  const { windows, seconds, device: used } = curve.result;
  if (deviceOf(state, device) !== used.kind || windows.length === 0) return null;
  const timed = timedRuns(state, device, length);
  const head =
    timed?.headSeconds && timed.blockSeconds > 0
      ? timed.headSeconds / timed.blockSeconds
      : headShare(summary);
  const work = curveWork(summary.numBlocks, tokensOf(windows));
  const block = seconds / (work.blocks + work.heads * head);
  const same = windows.every((window) => window.length === length);
  return {
    block,
    head: head * block,
    start: 0,
    bytesPerSecond: timed ? rateOf(timed) : null,
    spread: same ? BY_CURVE : times2(BY_CURVE, OTHER_LENGTH),
  };
}

const rateOf = ({ bytesRead, readSeconds }: RunTimes): number | null =>
  bytesRead > 0 && readSeconds > 0 ? bytesRead / readSeconds : null;

/** Runs that were timed for this request or on the device it leads to, nearest in length. */
function timedRuns(
  state: StudioState,
  device: 'auto' | DeviceKind,
  length: number,
): RunTimes | null {
  const kind = deviceOf(state, device);
  const all = [...state.estimate.times];
  const asked = all.filter(([key]) => key.startsWith(`${device}/`));
  const known = (asked.length > 0 ? asked : all.filter(([, times]) => times?.device.kind === kind))
    .map(([, times]) => times)
    .filter((times) => times !== null);
  const distance = (times: RunTimes) => Math.abs(Math.log(times.length / length));
  return known.sort((a, b) => distance(a) - distance(b))[0] ?? null;
}

/** Programs that are not blocks: side values, embedding, head. */
const OTHER_PROGRAMS = 3;

function byRuns(state: StudioState, device: 'auto' | DeviceKind, length: number): Times | null {
  const timed = timedRuns(state, device, length);
  const summary = modelOf(state)?.summary;
  if (!timed || !summary) return null;
  const block = timed.blockSeconds / timed.length;
  const programs = new Set(summary.blocks.map((one) => one.class)).size + OTHER_PROGRAMS;
  const bytesPerSecond = rateOf(timed);
  const reading = bytesPerSecond === null ? 0 : summary.bytes / bytesPerSecond;
  return {
    block,
    head:
      timed.headSeconds === null ? headShare(summary) * block : timed.headSeconds / timed.length,
    start: programs * timed.compileSeconds + reading,
    bytesPerSecond,
    spread: timed.length === length ? BY_RUNS : times2(BY_RUNS, OTHER_LENGTH),
  };
}

/** Null while nothing is known of this device. */
export function timesOf(
  state: StudioState,
  device: 'auto' | DeviceKind,
  length: number,
): Times | null {
  return byCurve(state, device, length) ?? byRuns(state, device, length);
}

/** Seconds of `most` at most and of `least` at least. */
export function secondsOf(times: Times | null, most: Work, least: Work = most): Seconds | null {
  if (!times) return null;
  const of = (work: Work) => times.start + work.blocks * times.block + work.heads * times.head;
  return { low: of(least) * times.spread.low, high: of(most) * times.spread.high };
}
