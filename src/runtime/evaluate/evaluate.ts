// Perplexity of the original and of the pruned model on the segments of a text, and how far their
// predictions differ.

import type { EvaluateEvent, EvaluateResult } from '../../contract/evaluate.ts';
import type { ScorePrograms } from '../../model/programs/program.ts';
import type { Unit } from '../../units.ts';
import type { Gate } from '../pass/gate.ts';
import { whyNoNumbers } from '../pass/notFinite.ts';
import { remainderOf } from '../pass/schedule.ts';
import type { ScoringContext } from '../pass/scoringContext.ts';
import type { WindowBytes } from '../pass/streams.ts';
import type { Stage } from '../weights/stages.ts';
import { compareHeads, runBoth } from './compare.ts';
import { PARTIAL_MS, ThrottledReporter } from './reporter.ts';
import { type SegmentMeans, Tally } from './tally.ts';
import type { EvaluationText } from './text.ts';

/** Gets the last hidden states of the original, from a segment on, (S, C) each. */
type OnFinalStates = (from: number, states: WindowBytes) => void;

/** What a job that evaluates takes of it besides. */
export interface EvaluateHooks {
  /** Holds the evaluation between two runs. */
  gate?: Gate | undefined;
  onFinal?: OnFinalStates | undefined;
  /** Gets the mean NLL of every segment over its predicted tokens, when all are known. */
  onSegments?: ((means: SegmentMeans) => void) | undefined;
}

interface EvaluateOptions extends EvaluateHooks {
  healed?: { id: string; programs: ScorePrograms } | undefined;
}

/** States of a segment that are alive at a time: original, pruned, and the output of a block. */
const ALIVE = 3;

/**
 * Runs all segments through the original and, where units are removed, through the pruned model:
 * both share the states before the first removed unit, and the weights of each block are visited
 * once for both. Resident weights: a few segments at a time, so that partial results come early.
 * Streamed: as many as the budget holds, so that the files are read as rarely as possible.
 *
 * The context holds the segments as its windows afterwards: its owner restores its own.
 * @param removed checked and sorted
 * @param options the plan's weights, inside of `context.withHealed`; absent: those of the model
 * @throws EspalierError `cancelled` after a last partial result; as `ScoringContext.prepare`.
 */
export async function evaluate(
  context: ScoringContext,
  text: EvaluationText,
  removed: readonly Unit[],
  signal: AbortSignal | undefined,
  onEvent: (event: EvaluateEvent) => void,
  { healed, gate, onFinal, onSegments }: EvaluateOptions = {},
): Promise<EvaluateResult> {
  const started = performance.now();
  const { chain } = context;
  const { segments, predicts, ...about } = text;
  context.use(segments, ALIVE);
  const memory = await context.prepare(signal, (p) =>
    onEvent({ type: 'progress', progress: { job: 'evaluate', ...p } }),
  );
  const groupSize = new GroupSize(
    memory.resident ? Math.min(context.rowsPerRun, memory.planGroup) : memory.planGroup,
    memory.resident,
  );
  const units = new Set(removed);
  const remainders = chain.programs.blocks.map((_, block) => remainderOf(block, units));
  const tally = new Tally(text.segment, predicts, removed.length > 0 || healed !== undefined);
  const result = (final: boolean): EvaluateResult => ({
    ...about,
    removed: [...removed],
    ...(healed ? { healing: healed.id } : {}),
    ...tally.result(final),
    device: { kind: chain.engine.kind, name: chain.engine.name },
    seconds: (performance.now() - started) / 1000,
  });
  const reporter = new ThrottledReporter(segments.length, result, onEvent);
  try {
    for (let from = 0; from < segments.length; ) {
      const group = segments.slice(from, from + groupSize.segments);
      const next = from + group.length;
      const more = next < segments.length;
      const pass = context.passOver(group, signal, gate);
      const visit = (stage: Stage, next: Stage | null): Promise<void> =>
        context.visit(stage, next, signal);
      const planned = healed ? pass.with(healed.programs) : pass;
      const ends = await runBoth(pass, planned, remainders, visit, (share) =>
        reporter.progress(from + share * group.length),
      );
      try {
        await visit('head', more ? 'embed' : null);
        if (onFinal) onFinal(from, await pass.read(ends.original));
        const { original, plan } = ends;
        if (plan) await compareHeads(pass, planned, original, plan, from, tally, signal);
        else
          for (const [k, nll] of (await pass.headPerToken(original)).entries())
            tally.add(from + k, 0, { nll });
      } finally {
        ends.original.release();
        ends.plan?.release();
      }
      from = next;
      groupSize.adapt(pass.heldMs + (healed ? planned.heldMs : 0));
      reporter.progress(from);
      if (more) reporter.partial(from);
    }
  } catch (error) {
    reporter.last(tally.segments);
    throw error;
  }
  const final = result(true);
  onSegments?.(tally.means());
  const bad = tally.notFinite;
  if (bad.length === 0) return final;
  const so = 'nothing can be compared with it';
  const means = segments.map((_, k) => (bad.includes(k) ? Number.NaN : 0));
  const why = await whyNoNumbers(context, segments, means, so, signal);
  return { ...final, warnings: [why, ...final.warnings] };
}

/**
 * How many segments go through the model together: with resident weights few enough that results
 * come early, but not so few that runs are mostly overhead.
 */
class GroupSize {
  segments: number;
  private readonly most: number;
  private readonly early: boolean;
  private since = performance.now();

  constructor(most: number, early: boolean) {
    this.most = most;
    this.early = early;
    this.segments = early ? Math.ceil(most / 16) : most;
  }

  /**
   * After each group. Sizes are few, because a device may compile its programs for each.
   * @param heldMs of its time, at the gate
   */
  adapt(heldMs: number): void {
    const took = performance.now() - this.since - heldMs;
    this.since = performance.now();
    if (!this.early) return;
    if (took < PARTIAL_MS / 2) this.segments = Math.min(this.most, this.segments * 2);
    else if (took > PARTIAL_MS * 4) this.segments = Math.ceil(this.segments / 2);
  }
}
