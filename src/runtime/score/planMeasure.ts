// NLLs of a pruned model by its programs: per window for its perplexity, per token for the check of
// an export.

import type { Progress } from '../../contract/progress.ts';
import type { ScorePrograms } from '../../model/programs/program.ts';
import type { Unit } from '../../units.ts';
import type { ScoringContext } from '../pass/scoringContext.ts';
import { chunkWindows } from '../weights/windows.ts';
import { runPlan } from './plans.ts';
import type { SessionStates } from './sessionStates.ts';

/**
 * Mean NLL of each window with `removed` taken out, in nats.
 * @param removed checked and sorted
 * @param states used and, where the memory plan keeps them, filled
 * @param healed runs in place of the model's programs, inside of `context.withHealed`
 * @throws EspalierError `cancelled`, `too-large`, `out-of-memory`, `device-lost`
 */
export async function nllPerWindow(
  context: ScoringContext,
  removed: readonly Unit[],
  states: SessionStates,
  signal: AbortSignal | undefined,
  onProgress: (progress: Progress) => void,
  healed: ScorePrograms = context.chain.programs,
): Promise<number[]> {
  const memory = await context.prepare(signal, (p) => onProgress({ job: 'plan', ...p }));
  const nll: number[] = [];
  const passes = context.passes(memory.planGroup, signal).map((pass) => pass.with(healed));
  for (const [k, pass] of passes.entries()) {
    const stored = memory.keepOriginal
      ? { original: states.original, plan: memory.keepPlans ? states.plans : null }
      : null;
    const end = await runPlan(pass, removed, stored, {
      onVisit: (stage, next) => context.visit(stage, next, signal),
      onBlock: (done, total) =>
        onProgress({ job: 'plan', phase: 'score', done, total, unit: 'blocks', secondsLeft: null }),
    });
    try {
      await context.visit('head', passes[k + 1] ? 'embed' : null, signal);
      nll.push(...(await pass.head(end)));
    } finally {
      end.release();
    }
  }
  return nll;
}

/**
 * NLL of each predicted token of one window with `removed` taken out, in nats. Errors likewise.
 * @param onBlock blocks run so far, and all
 */
export async function nllPerToken(
  context: ScoringContext,
  removed: readonly Unit[],
  window: readonly number[],
  signal: AbortSignal | undefined,
  onBlock: (done: number, total: number) => void = () => {},
  healed: ScorePrograms = context.chain.programs,
): Promise<Float32Array> {
  chunkWindows([window], 1, context.chain.programs.vocabSize);
  await context.loadFor([window], signal);
  const pass = context.passOver([window], signal).with(healed);
  const end = await runPlan(pass, removed, null, {
    onVisit: (stage, next) => context.visit(stage, next, signal),
    onBlock,
  });
  try {
    await context.visit('head', null, signal);
    return (await pass.headPerToken(end))[0] ?? new Float32Array();
  } finally {
    end.release();
  }
}
