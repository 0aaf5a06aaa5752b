// Several variants of one model over batch sizes, in turn: all at once where they fit, else each
// beside the first one, else one after the other.

import { gainOf, summarise, throughputOf } from '../analysis/speed.ts';
import type {
  ComparedPoint,
  ComparedSide,
  CompareEvent,
  PlannedExport,
  SpeedComparison,
  SpeedSettings,
} from '../contract/speed.ts';
import type { OpenVariant, RunSample } from '../contract/variant.ts';
import { EspalierError } from '../errors.ts';
import { checkSpeedSettings, promptIds } from './prompt.ts';
import { RunClock, type RunEvent, runRounds } from './rounds.ts';
import { Crowded, Sides } from './sides.ts';

/** How many variants are open at once. */
export type Arrangement = SpeedComparison['arranged'];

const NEXT: Readonly<Record<Arrangement, Arrangement | null>> = {
  all: 'pairs',
  pairs: 'alone',
  alone: null,
};

const LESS: Readonly<Record<Arrangement, string>> = {
  all: '',
  pairs:
    'Not all models fit in memory at once: each was loaded and measured beside the original, in ' +
    'turn with it.',
  alone:
    'Two of the models do not fit in memory at once: each was loaded and measured alone, which ' +
    'compares them less precisely.',
};

export interface ComparisonRequest {
  /** By name; the others are held against the first. */
  variants: ReadonlyMap<string, PlannedExport>;
  /** Warm-ups, runs, prompt and tokens of every point; its batch is not used. */
  settings: SpeedSettings;
  /** Batch sizes M in the order to measure. */
  batches: readonly number[];
}

export interface CompareOptions {
  signal: AbortSignal;
  onEvent: (event: CompareEvent) => void;
  /** What is known to fit; less is tried when memory runs out. */
  arranged: Arrangement;
}

/**
 * One point for each variant and batch size, with the gain over the first variant of the same
 * rounds. A variant that fails at a size stops there; the others go on.
 * @throws EspalierError `cancelled`, `bad-input` (settings, batches), `tokenizer` (a given prompt);
 *   when no variant has a point, the error of the first
 */
export async function compareSpeeds(
  request: ComparisonRequest,
  open: OpenVariant,
  { signal, onEvent, arranged }: CompareOptions,
): Promise<SpeedComparison> {
  const { variants, batches, settings } = request;
  if (batches.length === 0 || variants.size === 0)
    throw new EspalierError(
      'bad-input',
      `There is no ${variants.size === 0 ? 'variant' : 'batch size'} to measure.`,
      'Give at least one.',
    );
  for (const batch of batches) checkSpeedSettings({ ...settings, batch });
  const started = performance.now();
  const notes: string[] = [];
  const note = (text: string): void => {
    notes.push(text);
    onEvent({ type: 'note', text });
  };
  for (let now: Arrangement = arranged; ; ) {
    // Points of different rounds do not compare: all are measured again when memory runs out.
    onEvent({ type: 'arranged', arranged: now });
    if (LESS[now]) note(LESS[now]);
    try {
      const found = await measureArranged(request, now, open, { signal, onEvent, note });
      return {
        ...found,
        arranged: now,
        settings: { ...settings },
        notes,
        seconds: (performance.now() - started) / 1000,
      };
    } catch (error) {
      const less: Arrangement | null = NEXT[now];
      if (!(error instanceof Crowded) || less === null) throw error;
      now = less;
    }
  }
}

interface Reporting {
  signal: AbortSignal;
  onEvent: (event: CompareEvent) => void;
  note: (text: string) => void;
}

type Found = Pick<SpeedComparison, 'sides' | 'device'>;

/** @throws Crowded as well */
async function measureArranged(
  { variants, batches, settings }: ComparisonRequest,
  arranged: Arrangement,
  open: OpenVariant,
  { signal, onEvent, note }: Reporting,
): Promise<Found> {
  const names = [...variants.keys()];
  const groups = groupsOf(names, arranged);
  const found = new Map<string, ComparedSide>(
    names.map((id) => [id, { id, points: [], stopped: null, fileBytes: null }]),
  );
  let device: SpeedComparison['device'] = null;
  let ids: number[] | null = null;
  let at = batches[0]!;
  const all = new Sides(variants, open, {
    signal,
    onProgress: (progress) => onEvent({ type: 'progress', progress }),
    onLoaded(id, info) {
      device ??= info.device;
      found.get(id)!.fileBytes = info.fileBytes;
      onEvent({ type: 'loaded', id, info });
    },
    onFailed(id, error) {
      found.get(id)!.stopped ??= { batch: at, error };
    },
    canSplit: arranged !== 'alone',
  });
  const perPoint = settings.warmup + settings.runs;
  const rows = perPoint * batches.reduce((sum, batch) => sum + batch, 0);
  const report = (event: RunEvent<string>): void => {
    if (event.type === 'progress') onEvent(event);
  };
  const times = (id: string) => groups.filter((group) => group.includes(id)).length;
  const clock = new RunClock<string>('compare', [], 0, 0, report);
  for (const id of names)
    clock.restart([id], times(id) * perPoint * batches.length, times(id) * rows);

  const measure = async (group: readonly string[]): Promise<void> => {
    at = batches[0]!;
    for (const id of group) if (all.errors[id] || !(await all.load(id))) clock.drop(id);
    for (const batch of batches) {
      at = batch;
      const alive = group.filter((id) => all.info(id));
      for (const id of alive) {
        if (ids !== null) break;
        const encoded = await all.ask(id, (handle) => promptIds(handle, settings));
        if (encoded?.note) note(encoded.note);
        ids = encoded?.ids ?? null;
      }
      if (ids === null) return;
      const shape = { ids, tokens: settings.tokens, batch, sampling: settings.sampling };
      const request = { shape, warmup: settings.warmup, runs: settings.runs };
      const samples = await runRounds(all, alive, request, clock, report);
      for (const id of alive) {
        const { points } = found.get(id)!;
        if (!all.info(id) || points.some((point) => point.batch === batch)) continue;
        const first = id === names[0] ? null : firstOf(samples, names[0]!, found, batch);
        const point = pointOf(batch, samples[id]!, first, arranged !== 'alone');
        points.push(point);
        onEvent({ type: 'point', id, point });
      }
    }
  };

  try {
    for (const group of groups) {
      await measure(group);
      await all.close();
    }
  } finally {
    await all.close();
  }
  if ([...found.values()].every(({ points }) => points.length === 0)) all.throwIfAllFailed();
  return { sides: [...found.values()], device };
}

function groupsOf(names: readonly string[], arranged: Arrangement): string[][] {
  const [first, ...others] = names as [string, ...string[]];
  if (arranged === 'all' || others.length === 0) return [[...names]];
  if (arranged === 'alone') return names.map((id) => [id]);
  return others.map((id) => [first, id]);
}

/** Rates of the first variant in the same rounds; of its own ones where each was alone. */
function firstOf(
  samples: Readonly<Record<string, RunSample[]>>,
  first: string,
  found: ReadonlyMap<string, ComparedSide>,
  batch: number,
): readonly number[] | null {
  const own = samples[first]?.map(throughputOf);
  if (own && own.length > 0) return own;
  return found.get(first)?.points.find((point) => point.batch === batch)?.rates ?? null;
}

function pointOf(
  batch: number,
  samples: readonly RunSample[],
  first: readonly number[] | null,
  byRound: boolean,
): ComparedPoint {
  const { latency, throughput } = summarise(samples);
  const rates = samples.map(throughputOf);
  const gain = first && gainOf(first, rates, byRound);
  return { batch, latency, throughput, rates, gain };
}
