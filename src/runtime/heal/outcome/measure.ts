// The NLL of original, pruned and healed model on texts, each prediction by its weight.

import type { Progress } from '../../../contract/progress.ts';
import type { HealedMeasure, WeightChange } from '../../../model/healing/healing.ts';
import { healedPrograms } from '../../../model/healing/programs.ts';
import type { ScorePrograms } from '../../../model/programs/program.ts';
import type { Structure } from '../../../model/structure/structure.ts';
import { countedPredictions, type Sequence } from '../../../text/training/sequences.ts';
import { sortUnits, type Unit } from '../../../units.ts';
import { Chain } from '../../pass/chain.ts';
import type { Gate } from '../../pass/gate.ts';
import { ScoringContext } from '../../pass/scoringContext.ts';
import { runPlan } from '../../score/plans.ts';
import type { SessionModel } from '../../score/sessionOptions.ts';
import type { MeasuredText } from '../texts/texts.ts';

export interface MeasureJob extends SessionModel {
  structure: Structure;
  removed: readonly Unit[];
  /** What the healing has changed. */
  changes: readonly WeightChange[];
  /** Programs of the healed model, where its weights alone do not make it; see `floatPrograms`. */
  floats: ScorePrograms | null;
  texts: readonly MeasuredText[];
  signal?: AbortSignal | undefined;
  gate?: Gate | undefined;
  onProgress(progress: Progress): void;
}

/**
 * Measures all texts, with programs and weights of its own on the engine. `control` is null.
 * @throws EspalierError as `ScoringContext.prepare` and `healedPrograms`; `cancelled`
 */
export async function measureHealing(job: MeasureJob): Promise<HealedMeasure[]> {
  const { programs, folder, engine, budget, structure, floats, texts, signal } = job;
  const removed = sortUnits(job.removed);
  const context = new ScoringContext(new Chain(programs, folder, engine), budget);
  const models = removed.length > 0 ? 3 : 2;
  const total = texts.reduce((sum, { sequences }) => sum + sequences.length * models, 0);
  let done = 0;
  const measure = async (
    { sequences }: MeasuredText,
    without: readonly Unit[],
    on = context,
    run: ScorePrograms = programs,
  ): Promise<number> => {
    const nll = await meanNll(on, sequences, without, run, job);
    done += sequences.length;
    const progress = { phase: 'score', done, total, unit: 'segments', secondsLeft: null } as const;
    job.onProgress({ job: 'heal', ...progress });
    return nll;
  };
  const before: { original: number; pruned: number }[] = [];
  const withHealed = async (on: ScoringContext, run: ScorePrograms): Promise<HealedMeasure[]> => {
    const rows: HealedMeasure[] = [];
    for (const [k, text] of texts.entries()) {
      const { set, name, sequences } = text;
      const predicted = Math.round(countedPredictions(sequences));
      const after = await measure(text, removed, on, run);
      const { original, pruned } = before[k] as (typeof before)[number];
      rows.push({ set, name, predicted, original, pruned, control: null, healed: after });
    }
    return rows;
  };
  try {
    for (const text of texts) {
      const original = await measure(text, []);
      before.push({ original, pruned: models === 3 ? await measure(text, removed) : original });
    }
    if (!floats) {
      const healed = healedPrograms(programs, structure, job.changes);
      return await context.withHealed({ programs: healed, together: false }, signal, () =>
        withHealed(context, healed),
      );
    }
  } finally {
    await context.dispose();
  }
  const own = new ScoringContext(new Chain(floats, folder, engine), budget);
  try {
    return await withHealed(own, floats);
  } finally {
    await own.dispose();
  }
}

/**
 * Mean NLL of the healed plan alone on each text, in their order, with programs and weights of its
 * own on the engine. @throws EspalierError as `measureHealing`
 */
export async function measureHealed(job: MeasureJob): Promise<number[]> {
  const { folder, engine, budget, structure, changes, floats, texts, signal } = job;
  const programs = floats ?? job.programs;
  const context = new ScoringContext(new Chain(programs, folder, engine), budget);
  const run = async (healed: ScorePrograms): Promise<number[]> => {
    const found: number[] = [];
    for (const { sequences } of texts)
      found.push(await meanNll(context, sequences, sortUnits(job.removed), healed, job));
    return found;
  };
  try {
    if (floats) return await run(floats);
    const healed = healedPrograms(programs, structure, changes);
    const held = { programs: healed, together: false };
    return await context.withHealed(held, signal, () => run(healed));
  } finally {
    await context.dispose();
  }
}

/** Mean over all predictions that count, by their weights, in float64. */
async function meanNll(
  context: ScoringContext,
  sequences: readonly Sequence[],
  removed: readonly Unit[],
  programs: ScorePrograms,
  { signal, gate, onProgress }: Pick<MeasureJob, 'signal' | 'gate' | 'onProgress'>,
): Promise<number> {
  context.use(sequences.map(({ ids }) => ids));
  const memory = await context.prepare(signal, (p) => onProgress({ job: 'heal', ...p }));
  let sum = 0;
  for (let from = 0; from < sequences.length; from += memory.planGroup) {
    const group = sequences.slice(from, from + memory.planGroup);
    const more = from + group.length < sequences.length;
    const pass = context
      .passOver(
        group.map(({ ids }) => ids),
        signal,
        gate,
      )
      .with(programs);
    const end = await runPlan(pass, removed, null, {
      onVisit: (stage, next) => context.visit(stage, next, signal),
      onBlock: () => {},
    });
    try {
      await context.visit('head', more ? 'embed' : null, signal);
      for (const [k, nll] of (await pass.headPerToken(end)).entries())
        group[k]?.weights.forEach((weight, t) => {
          if (weight > 0) sum += weight * (nll[t] ?? Number.NaN);
        });
    } finally {
      end.release();
    }
  }
  return sum / countedPredictions(sequences);
}
