// Perplexity of a text, of the model and of a plan at the same time, with how far their predictions
// part; must not tokenise.

import type { EvaluateEvent, EvaluateResult } from '../../contract/evaluate.ts';
import { throwIfCancelled } from '../../errors.ts';
import type { Unit } from '../../units.ts';
import type { DeviceTensor } from '../device/engine.ts';
import { createYielder } from '../device/yielder.ts';
import type { Chain } from '../pass/chain.ts';
import type { HiddenStates } from '../pass/hidden.ts';
import type { Pass } from '../pass/pass.ts';
import { remainderOf } from '../pass/schedule.ts';
import type { ScoringContext } from '../pass/scoringContext.ts';
import { headPieces } from '../weights/headPieces.ts';
import type { Stage } from '../weights/stages.ts';
import type { Chunk } from '../weights/windows.ts';
import { Tally } from './tally.ts';
import type { EvaluationText } from './text.ts';

/** Partial results and progress come at most this often, ms. */
const PARTIAL_MS = 500;
const PROGRESS_MS = 100;
/** States of a segment that are alive at a time: original, plan, and what a block gives. */
const ALIVE = 3;

/**
 * Runs all segments through the original and, where units are removed, through the plan: both share
 * the states before the first removed unit, and each block's weights are visited once for both.
 * Weights on the device: some segments at a time, so that partial results come early. Streamed: as
 * many as the budget holds, so that the files are read as rarely as possible.
 *
 * The context works on the segments afterwards: its owner gives it other windows again.
 * @param removed checked and sorted
 * @throws EspalierError `cancelled` after a last partial result; as `ScoringContext.prepare`.
 */
export async function evaluate(
  context: ScoringContext,
  text: EvaluationText,
  removed: readonly Unit[],
  signal: AbortSignal | undefined,
  onEvent: (event: EvaluateEvent) => void,
): Promise<EvaluateResult> {
  const started = performance.now();
  const { chain } = context;
  const { segments, predicts, ...about } = text;
  context.use(segments, ALIVE);
  const memory = await context.prepare(signal, (p) =>
    onEvent({ type: 'progress', progress: { job: 'evaluate', ...p } }),
  );
  const groups = new Groups(
    memory.resident ? Math.min(context.rowsPerRun, memory.planGroup) : memory.planGroup,
    memory.resident,
  );
  const gone = new Set(removed);
  const pieces = chain.programs.blocks.map((_, block) => remainderOf(block, gone));
  const tally = new Tally(text.segment, predicts, removed.length > 0);
  const result = (final: boolean): EvaluateResult => ({
    ...about,
    removed: [...removed],
    ...tally.result(final),
    device: { kind: chain.engine.kind, name: chain.engine.name },
    seconds: (performance.now() - started) / 1000,
  });
  const reporter = new ThrottledReporter(segments.length, result, onEvent);
  try {
    for (let from = 0; from < segments.length; ) {
      const group = segments.slice(from, from + groups.size);
      const next = from + group.length;
      const more = next < segments.length;
      const pass = context.passOver(group, signal);
      const visit = (stage: Stage, next: Stage | null): Promise<void> =>
        context.visit(stage, next, signal);
      const ends = await runBoth(pass, pieces, visit, (share) =>
        reporter.progress(from + share * group.length),
      );
      try {
        await visit('head', more ? 'embed' : null);
        if (ends.plan) await compare(pass, ends.original, ends.plan, from, tally, signal);
        else
          for (const [k, nll] of (await pass.headPerToken(ends.original)).entries())
            tally.add(from + k, 0, { nll });
      } finally {
        ends.original.release();
        ends.plan?.release();
      }
      from = next;
      groups.adapt();
      reporter.progress(from);
      if (more) reporter.partial(from);
    }
  } catch (error) {
    reporter.last(tally.segments);
    throw error;
  }
  return result(true);
}

/**
 * How many segments go through the model together: with resident weights few enough that results
 * come early, but not so few that runs are mostly overhead.
 */
class Groups {
  size: number;
  private readonly most: number;
  private readonly early: boolean;
  private since = performance.now();

  constructor(most: number, early: boolean) {
    this.most = most;
    this.early = early;
    this.size = early ? Math.ceil(most / 16) : most;
  }

  /** After each group. Sizes are few, because a device may compile its programs for each. */
  adapt(): void {
    const took = performance.now() - this.since;
    this.since = performance.now();
    if (!this.early) return;
    if (took < PARTIAL_MS / 2) this.size = Math.min(this.most, this.size * 2);
    else if (took > PARTIAL_MS * 4) this.size = Math.ceil(this.size / 2);
  }
}

interface Ends {
  original: HiddenStates;
  /** null when nothing is removed. */
  plan: HiddenStates | null;
}

/**
 * The final hidden states of both; `pieces` is what the plan runs in place of each block, null for
 * nothing. The caller releases them.
 */
async function runBoth(
  pass: Pass,
  pieces: readonly (Unit | null)[],
  visit: (stage: Stage, next: Stage | null) => Promise<void>,
  onShare: (done: number) => void,
): Promise<Ends> {
  await visit('embed', 0);
  const ends: Ends = { original: await pass.embed(), plan: null };
  try {
    for (const [block, piece] of pieces.entries()) {
      await visit(block, block + 1 < pieces.length ? block + 1 : 'head');
      if (piece !== block) ends.plan ??= ends.original.retain();
      if (ends.plan && piece !== null) {
        const next = await pass.block(piece, ends.plan);
        ends.plan.release();
        ends.plan = next;
      }
      const next = await pass.block(block, ends.original);
      ends.original.release();
      ends.original = next;
      onShare((block + 1) / (pieces.length + 1));
    }
    return ends;
  } catch (error) {
    ends.original.release();
    ends.plan?.release();
    throw error;
  }
}

/**
 * Both heads in one program, on half as many rows or positions as the head alone takes; its weights
 * are the head's, which is loaded.
 */
async function compare(
  pass: Pass,
  original: HiddenStates,
  plan: HiddenStates,
  from: number,
  tally: Tally,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { chain } = pass;
  const { compare: program } = chain.programs;
  const yieldIfDue = createYielder();
  await chain.prepareLate([program], signal);
  try {
    for (const [at, chunk] of pass.chunks.entries()) {
      const states = [original.tensors[at] as DeviceTensor, plan.tensors[at] as DeviceTensor];
      for (const piece of comparedPieces(chain, chunk)) {
        await yieldIfDue();
        throwIfCancelled(signal);
        const [nll = [], other = [], kl = [], top = []] = await chain.runHead(
          program,
          piece,
          chunk,
          states,
        );
        for (const [k, values] of nll.entries()) {
          const segment = from + (chunk.windows[piece.row + k] ?? 0);
          tally.add(segment, piece.from, {
            nll: values,
            plan: { nll: other[k]!, kl: kl[k]!, top: top[k]! },
          });
        }
      }
    }
  } finally {
    chain.weights.release([program]);
  }
}

function comparedPieces(chain: Chain, chunk: Chunk): ReturnType<typeof headPieces> {
  const { headByPosition, rowsInteract } = chain.programs;
  const tokens = chain.headTokens ?? chunk.length - 1;
  const byPosition = chain.headRows === 1 && headByPosition && !rowsInteract;
  return headPieces(
    chunk,
    Math.max(1, Math.floor(chain.headRows / 2)),
    byPosition ? Math.max(1, Math.ceil(tokens / 2)) : null,
  );
}

/** Progress and partial results, not more often than somebody can read them. */
class ThrottledReporter {
  private readonly total: number;
  private readonly result: (final: boolean) => EvaluateResult;
  private readonly onEvent: (event: EvaluateEvent) => void;
  private readonly started = performance.now();
  private progressAt = 0;
  private partialAt = 0;
  private shown = 0;

  constructor(
    total: number,
    result: (final: boolean) => EvaluateResult,
    onEvent: (event: EvaluateEvent) => void,
  ) {
    this.total = total;
    this.result = result;
    this.onEvent = onEvent;
  }

  /** @param done segments, those under way with their share */
  progress(done: number): void {
    const now = performance.now();
    if (now - this.progressAt < PROGRESS_MS && done < this.total) return;
    this.progressAt = now;
    const secondsLeft =
      done > 0 ? ((now - this.started) / 1000) * ((this.total - done) / done) : null;
    const progress = {
      job: 'evaluate',
      phase: 'score',
      done: Math.floor(done),
      total: this.total,
      unit: 'segments',
      secondsLeft,
    } as const;
    this.onEvent({ type: 'progress', progress });
  }

  partial(segments: number): void {
    const now = performance.now();
    if (now - this.partialAt < PARTIAL_MS) return;
    this.partialAt = now;
    this.last(segments);
  }

  /** What is known when it ends early, unless that was reported. */
  last(segments: number): void {
    if (segments <= this.shown) return;
    this.shown = segments;
    this.onEvent({ type: 'partial', result: this.result(false) });
  }
}
