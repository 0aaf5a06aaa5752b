// How sensitive a model is to each of its matrices: KL(base || base with this matrix alone in few
// bits). The states of the base before each block are shared, as in the leave-one-out curve.

import type { Progress } from '../../contract/progress.ts';
import { EspalierError } from '../../errors.ts';
import type { Unit } from '../../units.ts';
import type { CheckpointStore } from '../checkpoint/checkpoint.ts';
import { CheckpointWriter } from '../checkpoint/writer.ts';
import { Chain } from '../pass/chain.ts';
import type { Gate } from '../pass/gate.ts';
import { whyNoNumbers } from '../pass/notFinite.ts';
import type { Pass } from '../pass/pass.ts';
import { ScoringContext, type Windows } from '../pass/scoringContext.ts';
import type { SessionModel } from '../score/sessionOptions.ts';
import { Divergence, VariantRuns } from './sensitivityRuns.ts';
import { blockRunsOf, type Variant, wavesOf } from './sensitivityVariants.ts';

export interface SensitivityJob extends SessionModel {
  /** What the base runs, in its order. */
  sequence: readonly Unit[];
  variants: readonly Variant[];
  windows: Windows;
  signal?: AbortSignal | undefined;
  gate?: Gate | undefined;
  store?: CheckpointStore | undefined;
  onProgress(progress: Progress): void;
  /** Nats per predicted token; infinite where the variant gives no numbers. */
  onSensitivity(key: string, sensitivity: number): void;
}

/** States of a window that are alive beside variants: base, its end, one held, two of a run. */
const BESIDE = 5;

/**
 * The sensitivity of every variant's matrix, by its key. What an interrupted run has measured is
 * reported again at once.
 * @throws EspalierError `cancelled`, `too-large` when the budget cannot hold even one variant,
 *   `bad-input` where the base gives no numbers on the windows; errors of the engine
 */
export async function measureSensitivities(job: SensitivityJob): Promise<Map<string, number>> {
  const { programs, folder, engine, windows, signal, variants } = job;
  const writer = job.store ? new CheckpointWriter(job.store) : null;
  const found = savedOf((await writer?.load())?.body, variants);
  for (const [key, sensitivity] of found) job.onSensitivity(key, sensitivity);
  const open = variants.filter(({ key }) => !found.has(key));
  if (open.length === 0) return found;

  // One matrix in few bits lies on the device beside the weights of the base.
  const largest = Math.max(...open.map(({ bytes }) => bytes));
  const budget = Math.max(0, job.budget - largest);
  const context = new ScoringContext(new Chain(programs, folder, engine), budget);
  try {
    const groups = await planGroups(context, job, open, budget);
    const progress = new BlockProgress(groups.blockRuns, (done, total, secondsLeft) =>
      job.onProgress({
        job: 'quantise',
        phase: 'score',
        done,
        total,
        unit: 'blocks',
        secondsLeft,
      }),
    );
    const save = async () => ({
      done: found.size,
      total: variants.length,
      body: { sensitivities: [...found] },
    });
    let kept: VariantRuns | null = null;
    try {
      for (const [k, wave] of groups.waves.entries()) {
        const sums = new Map(wave.map(({ key }) => [key, new Divergence()]));
        const next = groups.waves[k + 1]?.[0]?.at ?? null;
        for (const from of groups.starts) {
          const pass = passOver(context, windows.slice(from, from + groups.size), job);
          kept ??= new VariantRuns(context, pass, job.sequence, signal);
          await kept.run(wave, next, sums, () => progress.ran(kept?.heldMs ?? 0));
          if (groups.starts.length > 1) kept = dropped(kept);
        }
        await requireNumbers(context, windows, sums, signal);
        for (const [key, sum] of sums) {
          found.set(key, sum.mean);
          job.onSensitivity(key, sum.mean);
        }
        await writer?.offerStep(save);
      }
    } catch (error) {
      await writer?.last(error, save);
      throw error;
    } finally {
      kept?.dispose();
    }
    return found;
  } finally {
    await context.dispose();
  }
}

function dropped(runs: VariantRuns): null {
  runs.dispose();
  return null;
}

function passOver(context: ScoringContext, windows: Windows, job: SensitivityJob): Pass {
  return context.passOver(windows, job.signal, job.gate);
}

interface Groups {
  /** Windows that go through the model together, and where each group begins. */
  size: number;
  starts: number[];
  waves: Variant[][];
  /** Block evaluations in all. */
  blockRuns: number;
}

/** How many windows and variants have room at a time. */
async function planGroups(
  context: ScoringContext,
  { windows, sequence, signal, onProgress }: SensitivityJob,
  open: readonly Variant[],
  budget: number,
): Promise<Groups> {
  const most = Math.max(...wavesOf(open, Number.POSITIVE_INFINITY, true).map((w) => w.length));
  context.use(windows, most + BESIDE);
  const plan = await context.prepare(signal, (p) => onProgress({ job: 'quantise', ...p }));
  const { weights, scratch, logits } = plan.bytes;
  const states = (budget - weights - scratch - logits) / Math.max(...context.stateBytes());
  const { size, room } = groupSize(windows.length, open.length, states, plan.resident);
  const waves = wavesOf(open, room, plan.resident);
  const starts = Array.from({ length: Math.ceil(windows.length / size) }, (_, k) => k * size);
  const n = sequence.length;
  const blockRuns = waves.reduce((sum, wave, k) => {
    const held = starts.length === 1 && k > 0;
    const base = held ? heldBase(wave, waves[k + 1], n) : { from: 0, to: n };
    return sum + blockRunsOf(wave, n, base) * starts.length;
  }, 0);
  return { size, starts, waves, blockRuns };
}

/**
 * Windows of a group, and variants of a wave over it, that have room at a time. Streamed, each wave
 * over each group reads the weights once: as few as possible.
 * @param states of one window that have room at a time
 */
export function groupSize(
  windows: number,
  variants: number,
  states: number,
  resident: boolean,
): { size: number; room: number } {
  let best = { size: 1, room: 1, reads: Number.POSITIVE_INFINITY };
  for (let groups = 1; groups <= windows; groups++) {
    const size = Math.ceil(windows / groups);
    const room = Math.floor(states / size) - BESIDE;
    if (room < 1) continue;
    const reads = Math.ceil(windows / size) * Math.ceil(variants / room);
    if (reads < best.reads) best = { size, room, reads };
    if (resident) break;
  }
  return { size: best.size, room: best.room };
}

/** What the base runs in a wave when its state before the wave is held, and its end is known. */
function heldBase(wave: readonly Variant[], next: readonly Variant[] | undefined, length: number) {
  const within = (at: number): number => (at < length ? Math.max(0, at) : 0);
  const last = [...wave.map(({ at }) => at), next?.[0]?.at ?? 0].map(within);
  return { from: within(wave[0]?.at ?? 0), to: Math.max(...last) };
}

/** @throws EspalierError `bad-input` where not even the base gives numbers */
async function requireNumbers(
  context: ScoringContext,
  windows: Windows,
  sums: ReadonlyMap<string, Divergence>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const [any] = sums.values();
  if (any === undefined || any.baseIsFinite) return;
  const means = windows.map(() => Number.NaN);
  const so = 'no matrix can be compared with it';
  throw new EspalierError(
    'bad-input',
    await whyNoNumbers(context, windows, means, so, signal),
    'Choose the precision of matrices by hand, or use another text.',
  );
}

/** Sensitivities of an interrupted run. */
function savedOf(body: unknown, variants: readonly Variant[]): Map<string, number> {
  const saved = (body as { sensitivities?: unknown } | null | undefined)?.sensitivities;
  const known = new Set(variants.map(({ key }) => key));
  if (!Array.isArray(saved)) return new Map();
  return new Map(
    saved.filter(
      (entry): entry is [string, number] =>
        Array.isArray(entry) && known.has(entry[0]) && typeof entry[1] === 'number',
    ),
  );
}

/** Reports block evaluations, with the time that is left by the mean of those so far. */
class BlockProgress {
  private done = 0;
  private readonly total: number;
  private readonly report: (done: number, total: number, secondsLeft: number | null) => void;
  private readonly started = performance.now();

  constructor(total: number, report: BlockProgress['report']) {
    this.total = total;
    this.report = report;
  }

  /** @param heldMs time at the gate so far */
  ran(heldMs: number): void {
    this.done += 1;
    const seconds = (performance.now() - this.started - heldMs) / 1000;
    const left = (seconds / this.done) * Math.max(0, this.total - this.done);
    this.report(Math.min(this.done, this.total), this.total, left);
  }
}
