// About how many seconds each long action takes, before it starts; null while nothing is known. A
// range: `low` where everything goes well, `high` where it does not. Pure; returns the same object
// until a number changes.

import type { MeasuredSource } from '../../analysis/criteriaTable.ts';
import { inBrowser } from '../../contract/device.ts';
import type { MemoryEstimate, ScoreSettings } from '../../contract/score.ts';
import { blocksLeft, type Unit } from '../../units.ts';
import { gradientsOf } from '../criteria/gradients.ts';
import { missingSources } from '../criteria/missing.ts';
import { SOURCES } from '../criteria/sources.ts';
import { evaluateRequest } from '../evaluate/selectors.ts';
import { effectKey } from '../keys.ts';
import { modelOf, numBlocksOf } from '../open/selectors.ts';
import { searchParameters } from '../search/selectors.ts';
import { missingRuns } from '../stability/selectors.ts';
import type { StudioState } from '../state.ts';
import { tasksEstimate, tasksRequest } from '../tasks/selectors.ts';
import { tokensOfText } from './texts.ts';
import { type Seconds, secondsOf, type Times, timesOf, tokensOf } from './times.ts';
import {
  backwardWork,
  curveWork,
  evaluationWork,
  planWork,
  searchWork,
  sublayersWork,
  tasksWork,
  type Work,
  wholePlanWork,
} from './work.ts';

/** Answers with the object from before while its numbers are the same. */
function steady(compute: (state: StudioState) => Seconds | null) {
  let last: Seconds | null = null;
  return (state: StudioState): Seconds | null => {
    const next = compute(state);
    if (!(last && next && last.low === next.low && last.high === next.high)) last = next;
    return last;
  };
}

const plus = (a: Seconds | null, b: Seconds | null): Seconds | null =>
  a && b && { low: a.low + b.low, high: a.high + b.high };

/** Windows of the settings: how many, tokens in all, and in one. */
export function windowsIn({ text, samples, length }: ScoreSettings) {
  if (text.kind !== 'ids') return { windows: samples, tokens: samples * length, length };
  const tokens = tokensOf(text.windows);
  const windows = Math.max(1, text.windows.length);
  return { windows, tokens, length: Math.max(2, Math.round(tokens / windows)) };
}

/** Work on the windows of these settings. */
function jobSeconds(
  state: StudioState,
  settings: ScoreSettings,
  work: (blocks: number, tokens: number) => Work,
  memory: MemoryEstimate | null,
): Seconds | null {
  const { tokens, length } = windowsIn(settings);
  const times = timesOf(state, settings.device, length);
  const computed = secondsOf(times, work(numBlocksOf(state), tokens));
  return withReading(computed, times, memory);
}

/** Scoring the blocks with these settings. */
const curveSeconds = (state: StudioState, settings: ScoreSettings): Seconds | null =>
  jobSeconds(state, settings, curveWork, state.score.memory);

/** Streamed weights are read beside the runs, once for each time that the job goes over them. */
function withReading(
  computed: Seconds | null,
  times: Times | null,
  memory: MemoryEstimate | null,
): Seconds | null {
  if (!computed || !memory?.streaming || !memory.bytesRead || !times?.bytesPerSecond)
    return computed;
  const reading = memory.bytesRead / times.bytesPerSecond;
  return { low: Math.max(computed.low, reading), high: computed.high + reading };
}

/** Scoring the blocks with the settings of the page. */
export const scoreSeconds = steady((state) => curveSeconds(state, state.score.settings));

/** Windows of a first look, and of the default. */
export const QUICK = { samples: 2, length: 32 } as const;
export const USUAL = { samples: 10, length: 128 } as const;

/** A first look on few short windows of the same text. */
export const quickSeconds = steady((state) =>
  curveSeconds(state, { ...state.score.settings, ...QUICK }),
);

/** The default number of windows, of the same text. */
export const usualSeconds = steady((state) =>
  curveSeconds(state, { ...state.score.settings, ...USUAL }),
);

/** What runs on the windows of the curve, with the times of its device; else on the settings'. */
function onCurve(
  state: StudioState,
  work: (blocks: number, tokens: number) => { most: Work; least?: Work },
  memory: MemoryEstimate | null = null,
): Seconds | null {
  const { curve, settings } = state.score;
  const asked = windowsIn(settings);
  const tokens = curve ? tokensOf(curve.result.windows) : asked.tokens;
  const windows = curve?.result.windows.length ?? 0;
  const length = curve ? Math.round(tokens / Math.max(1, windows)) : asked.length;
  const device = curve ? inBrowser(curve.result.device.kind) : settings.device;
  const { most, least } = work(numBlocksOf(state), tokens);
  const times = timesOf(state, device, length);
  return withReading(secondsOf(times, most, least ?? most), times, memory);
}

/** Scoring attention and feed-forward of each block. */
export const sublayersSeconds = steady((state) =>
  onCurve(state, (n, tokens) => ({ most: sublayersWork(n, tokens) })),
);

/**
 * The iterative search of the form, to its last step. The curve of this session is its first step
 * where it starts from the whole model.
 */
export const searchRange = steady((state) => {
  const parameters = searchParameters(state);
  if (!parameters) return null;
  const { start, count } = parameters;
  const isHeld = start.length === 0 && count > 0 && state.score.curve?.restored === false;
  return onCurve(state, (n, tokens) => {
    const left = blocksLeft(n, start);
    const most = searchWork(left, count, tokens);
    return { most, least: isHeld ? searchWork(left - 1, count - 1, tokens) : most };
  });
});

/** The runs of the calibration study that are still to be done. */
export const studyRange = steady((state) =>
  missingRuns(state).reduce<Seconds | null>(
    (sum, { settings }) =>
      plus(
        sum,
        state.stability.criterion === 'taylor'
          ? jobSeconds(state, settings, backwardWork, gradientsOf(state)?.memory ?? null)
          : curveSeconds(state, settings),
      ),
    { low: 0, high: 0 },
  ),
);

/** The perplexity of the current plan. Null too when there is nothing to measure it on. */
export const effectSeconds = steady((state) => {
  if (effectKey(state) === null) return null;
  const { removed } = state.plan.present;
  return onCurve(state, (n, tokens) => ({
    most: wholePlanWork(n, removed, tokens),
    least: planWork(n, removed, tokens),
  }));
});

/** Perplexities of `count` plans on the windows of the curve. */
export const plansSeconds = (state: StudioState, count: number): Seconds | null =>
  onCurve(state, (n, tokens) => ({
    most: { blocks: count * n * tokens, heads: count * tokens },
    least: { blocks: (count * n * tokens) / 2, heads: count * tokens },
  }));

/** The evaluation of the form: its segments through the original and the plan. */
export const evaluationSeconds = steady((state) => {
  const request = evaluateRequest(state);
  if (!request) return null;
  const { segment, stride, maxSegments, removed } = request;
  const step = stride ?? segment;
  const known = tokensOfText(state, request.text);
  const tokensIn = (tokens: number) => {
    const segments = Math.max(1, Math.floor((tokens - segment) / step) + 1);
    return segment * Math.min(maxSegments ?? segments, segments);
  };
  const times = timesOf(state, request.device, segment);
  const work = (tokens: number) => evaluationWork(numBlocksOf(state), removed, tokensIn(tokens));
  return secondsOf(times, work(known.high), work(known.low));
});

/** The tasks of the form; states that variants share before their first removed unit cost less. */
export const tasksSeconds = steady((state) => {
  const [request, estimate] = [tasksRequest(state), tasksEstimate(state)];
  if (!request || !estimate) return null;
  const { tokens, sequences } = estimate;
  const length = Math.max(2, Math.round(tokens.unshared / Math.max(1, sequences)));
  const variants = request.variants.map(({ removed }) => removed);
  const work = (of: readonly (readonly Unit[])[]) => tasksWork(numBlocksOf(state), of, tokens);
  return secondsOf(timesOf(state, request.device, length), work(variants), work([variants[0]!]));
});

/** Disks read between these many bytes a second, where nothing was read yet. */
const DISK = { slow: 2e8, fast: 2e9 } as const;

/** Measuring the source of a criterion: reading the weights, or one pass of the original. */
function sourceSeconds(state: StudioState, source: MeasuredSource): Seconds | null {
  const { cost, work } = SOURCES[source];
  const { bytes = 0, memory = null } = cost(modelOf(state), gradientsOf(state)?.memory ?? null);
  if (work) return onCurve(state, (n, tokens) => ({ most: work(n, tokens) }), memory);
  return { low: bytes / DISK.fast, high: bytes / DISK.slow };
}

/** Every criterion that is not known yet. */
export const criteriaSeconds = steady((state) =>
  missingSources(state).reduce<Seconds | null>(
    (sum, source) => plus(sum, sourceSeconds(state, source)),
    { low: 0, high: 0 },
  ),
);

/** Work on the current plan that takes longer does not start by itself, seconds. */
export const BY_ITSELF_S = 30;

/** True when the perplexity of the plan takes so long that it is asked for first. */
export function effectIsLong(state: StudioState): boolean {
  const seconds = effectSeconds(state);
  return seconds !== null && (seconds.low + seconds.high) / 2 > BY_ITSELF_S;
}
