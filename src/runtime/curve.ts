// The importance curve: the leave-one-out pass over all groups of windows, with its events; must not choose devices or windows.

import { measureWindows } from '../analysis/perplexity.ts';
import { removalOrder } from '../analysis/ranking.ts';
import { EspalierError } from '../errors.ts';
import type { BlockScore, Measure, ScoreEvent } from '../worker/api.ts';
import { blockScore, Grouped } from './measures.ts';
import type { MemoryPlan } from './memory.ts';
import { countBlockRuns, residentSchedule, type Step, streamedSchedule, type Variant } from './schedule.ts';
import { type IntactStates, leaveOneOut } from './score.ts';
import type { Workbench } from './workbench.ts';

/** What scoring found, before the worker adds settings and device. */
export interface Curve {
  baseline: Measure;
  blocks: BlockScore[];
  /** Block indices, least important first; refused blocks are left out. */
  order: number[];
  seconds: number;
  /** Wall time of the pass against the ideal of the same block and head times; 1 = no overhead. */
  costRatio: number | null;
}

export interface CurveJob {
  bench: Workbench;
  plan: MemoryPlan;
  /** Per block, why it cannot be left out, or null. */
  unremovable: readonly (string | null)[];
  /** Filled with the intact states; the caller owns them. */
  intact: IntactStates;
  dropStates(): void;
  signal: AbortSignal | undefined;
  onEvent(event: ScoreEvent): void;
}

/** Runs the pass and reports the baseline and each point as it comes. @throws EspalierError `cancelled`, `device-lost`, `out-of-memory`. */
export async function measureCurve(job: CurveJob): Promise<Omit<Curve, 'seconds'>> {
  const { bench, plan, unremovable, intact, signal, onEvent } = job;
  const passes = bench.passes(plan.group, signal);
  const parts = schedules(plan, unremovable);
  const runs = passes.flatMap((pass) => parts.map((steps) => ({ pass, steps, blocks: countBlockRuns(steps) })));
  const total = runs.reduce((sum, { blocks }) => sum + blocks, 0);
  const points = new Points(passes.length, onEvent);
  let [seconds, ideal, before] = [0, 0, 0];
  for (const [k, { pass, steps, blocks }] of runs.entries()) {
    job.dropStates();
    const cost = await leaveOneOut(pass, steps, intact, plan.keepIntact, runs[k + 1] ? 'embed' : null, {
      onVisit: (stage, next) => bench.visit(stage, next, signal),
      onBlock: (done, _, left) => {
        const later = total - before - blocks;
        const secondsLeft = left === null ? null : left * (1 + later / Math.max(1, blocks - done));
        const progress = { job: 'score', phase: 'score', done: before + done, total, unit: 'blocks', secondsLeft } as const;
        onEvent({ type: 'progress', progress });
      },
      onResult: (variant, values) => points.add(variant, values),
    });
    before += blocks;
    seconds += cost.seconds;
    ideal += cost.idealSeconds ?? Number.NaN;
  }
  if (!plan.keepIntact) job.dropStates();
  for (const [index, reason] of unremovable.entries()) if (reason) points.refuse(index, reason);
  const blocks = points.blocks.sort((a, b) => a.index - b.index);
  return { baseline: points.baseline(), blocks, order: removalOrder(blocks), costRatio: Number.isFinite(ideal) ? seconds / ideal : null };
}

/** The schedules that one group of windows goes through: one, or several when not all left-out blocks have room at a time. */
function schedules(plan: MemoryPlan, unremovable: readonly (string | null)[]): Step[][] {
  const n = unremovable.length;
  const removable = (block: number): boolean => !unremovable[block];
  if (plan.resident) return [residentSchedule(n, removable)];
  const parts = Array.from({ length: Math.ceil(n / plan.variants) }, (_, k) => k * plan.variants);
  return parts.map((from) => streamedSchedule(n, removable, from, Math.min(n, from + plan.variants)));
}

/** Results as they come, complete once every group of windows is in. */
class Points {
  readonly blocks: BlockScore[] = [];
  private intact: Measure | null = null;
  private readonly found: Grouped;
  private readonly onEvent: (event: ScoreEvent) => void;

  constructor(groups: number, onEvent: (event: ScoreEvent) => void) {
    this.found = new Grouped(groups);
    this.onEvent = onEvent;
  }

  add(variant: Variant, values: readonly number[]): void {
    const nll = this.found.add(variant, values);
    if (!nll) return;
    if (variant === 'intact') {
      this.intact = measureWindows(nll);
      this.onEvent({ type: 'baseline', baseline: this.intact });
    } else this.push(blockScore(variant, nll, this.baseline()));
  }

  /** A block that cannot be left out has the baseline's numbers, which mean nothing, and the reason. */
  refuse(index: number, reason: string): void {
    this.push({ ...blockScore(index, this.baseline().nllPerWindow, this.baseline()), refused: reason });
  }

  baseline(): Measure {
    if (!this.intact) throw new EspalierError('bug', 'The pass gave no baseline.');
    return this.intact;
  }

  private push(block: BlockScore): void {
    this.blocks.push(block);
    this.onEvent({ type: 'block', block });
  }
}
