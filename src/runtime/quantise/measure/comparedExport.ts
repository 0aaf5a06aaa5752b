// Runs what an export would write, on segments of which the original's last hidden states are
// known, and compares the two predictions token by token.

import { throwIfCancelled } from '../../../errors.ts';
import { comparedModels } from '../../../model/programs/compare/comparedModels.ts';
import type { BoundProgram } from '../../../model/programs/program.ts';
import { fewBitsForms, requireFewBits } from '../../device/fewBits/check.ts';
import { compareHeads } from '../../evaluate/compare.ts';
import { Tally } from '../../evaluate/tally.ts';
import { Chain } from '../../pass/chain.ts';
import { ScoringContext } from '../../pass/scoringContext.ts';
import type { WindowBytes } from '../../pass/streams.ts';
import {
  type ExportedPrograms,
  type ExportPlan,
  exportedPrograms,
  measuredLevels,
} from '../../score/exported.ts';
import { runPlan } from '../../score/plans.ts';
import type { SessionModel } from '../../score/sessionOptions.ts';
import { planMemory } from '../../weights/memory.ts';
import { allPrograms, weightBytes } from '../../weights/stages.ts';
import type { MeasureQuantisedJob } from '../job.ts';
import type { MeasuredPart, Sums } from './parts.ts';

/** Segments with the last hidden states of the original, (S, C) each. */
export interface OriginalStates {
  part: MeasuredPart;
  states: WindowBytes;
}

/** States of a segment that are alive at a time: input and output of a block. */
const ALIVE = 3;

/**
 * The programs of an export; `compare` takes the original's last hidden states and the export's.
 * @returns with the bytes that the original's head takes besides, while both are compared
 * @throws EspalierError as `exportedPrograms` and `comparedModels`
 */
export async function comparedPrograms(
  { engine, programs: own }: SessionModel,
  plan: ExportPlan & { source: MeasureQuantisedJob['opened'] },
): Promise<ExportedPrograms & { besides: number }> {
  const { opened, programs } = await exportedPrograms(
    plan,
    engine,
    measuredLevels(plan.steps),
    (exported, options) =>
      comparedModels({ source: plan.source, programs: own }, exported, options),
  );
  // Both heads run on the same stretch of positions, or on all.
  const headByPosition = programs.headByPosition && own.headByPosition;
  Object.assign(programs, { headByPosition });
  const all = allPrograms(programs);
  const bytes = (bound: BoundProgram[]): number => weightBytes(bound, engine.kind);
  return { opened, programs, besides: bytes([...all, programs.compare]) - bytes(all) };
}

/**
 * NLL, KL(original || export) and agreement of what the steps make of the plan, over each part.
 * Where original and exported head do not fit beside each other, the NLL alone.
 * @param report segments that were measured since the last call
 * @throws EspalierError as `comparedPrograms`, `requireFewBits` and `ScoringContext.prepare`;
 *   `cancelled`
 */
export function comparedExport(
  job: MeasureQuantisedJob,
  originals: readonly OriginalStates[],
  report: (segments: number) => void,
): Promise<Sums[]> {
  const { opened, session, removed, steps } = job;
  return session.alone(async (model) => {
    const plan = { source: opened, removed, steps };
    const { opened: exported, programs, besides } = await comparedPrograms(model, plan);
    const { folder, engine, budget } = model;
    await requireFewBits(engine, fewBitsForms(exported.structure.graph));
    const fits = originals.every(({ part: { segments, evaluated } }) => {
      const shape = { windows: segments.length, length: evaluated.segment, alive: ALIVE };
      return planMemory(programs, shape, engine, budget - besides).obstacle === null;
    });
    const own = fits ? budget - besides : budget;
    const context = new ScoringContext(new Chain(programs, folder, engine), own);
    try {
      const found: Sums[] = [];
      for (const original of originals)
        found.push(await measurePart(context, original, fits, job, report));
      return found;
    } finally {
      await context.dispose();
    }
  });
}

async function measurePart(
  context: ScoringContext,
  { part: { segments, evaluated }, states }: OriginalStates,
  compares: boolean,
  { signal, gate, onProgress, session }: MeasureQuantisedJob,
  report: (segments: number) => void,
): Promise<Sums> {
  const form = session.model.programs;
  context.use(segments, ALIVE);
  const memory = await context.prepare(signal, (p) => onProgress({ job: 'quantise', ...p }));
  const tally = new Tally(evaluated.segment, evaluated.predicts, compares);
  const visit = context.visit.bind(context);
  for (let from = 0; from < segments.length; from += memory.planGroup) {
    throwIfCancelled(signal);
    const group = segments.slice(from, from + memory.planGroup);
    const pass = context.passOver(group, signal, gate);
    const end = await runPlan(pass, [], null, {
      onVisit: (stage, next) => visit(stage, next, signal),
      onBlock: () => {},
    });
    try {
      await visit('head', from + group.length < segments.length ? 'embed' : null, signal);
      if (!compares)
        for (const [k, nll] of (await pass.headPerToken(end)).entries())
          tally.add(from + k, 0, { nll });
      else {
        const original = pass.restore(states.slice(from, from + group.length), form);
        try {
          await compareHeads(pass, pass, original, end, from, tally, signal);
        } finally {
          original.release();
        }
      }
    } finally {
      end.release();
    }
    report(group.length);
  }
  const { original, plan, predicted, klDivergence, top1Agreement } = tally.result(false);
  const { nll } = plan ?? original;
  const means = tally.means();
  const nllPerWindow = means.plan ?? means.original;
  return { predicted, nll, klDivergence, top1Agreement, nllPerWindow };
}
