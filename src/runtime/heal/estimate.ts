// What a healing will take, before it starts: that of its methods together.

import type { HealEstimate } from '../../contract/heal.ts';
import type { WindowSize } from '../../contract/runTimes.ts';
import type { MemoryEstimate } from '../../contract/score.ts';
import { toReport } from '../../errors.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { fitted } from '../../model/programs/widen.ts';
import { sortUnits } from '../../units.ts';
import { timeRuns } from '../pass/timeRuns.ts';
import type { SessionModel } from '../score/sessionOptions.ts';
import { estimateTraining } from './estimateTraining.ts';
import { checkMethods } from './heal.ts';
import type { HealJob } from './healJob.ts';
import { estimateRefit, type RefitSpeed, timeSolution } from './refitEstimate.ts';
import { readHealTexts } from './texts/texts.ts';

/**
 * Memory is that of the method that takes most; a training after a refit is measured on weights
 * that were not refitted. What measuring original, pruned and healed takes is not counted.
 * @throws EspalierError as `heal`
 */
export async function estimateHealing(job: HealJob): Promise<HealEstimate> {
  const { opened, session, methods, signal, gate } = job;
  const removed = sortUnits(job.removed);
  checkMethods(methods, removed);
  const texts = await readHealTexts(job.sources, methods, opened, signal);
  return session.alone(async (model) => {
    const parts: HealEstimate[] = [];
    const common = { ...model, structure: opened.structure, removed, changes: [], signal, gate };
    for (const { settings, sequences, watched } of texts.inputs) {
      if (settings.method === 'refit') {
        const size = { windows: sequences.length, length: settings.length };
        const request = { ...common, settings, size, device: model.engine };
        const { obstacle } = estimateRefit(request, null).memory;
        const speed = obstacle === undefined ? await speedOf(model, opened, size, signal) : null;
        parts.push(estimateRefit(request, speed));
      } else {
        const data = { fit: sequences, heldOut: watched };
        parts.push(await estimateTraining({ ...common, settings, data, measure: true }));
      }
    }
    const sum = (of: (part: HealEstimate) => number): number =>
      parts.reduce((all, part) => all + of(part), 0);
    return {
      memory: parts.map(({ memory }) => memory).reduce(larger),
      seconds: parts.some(({ seconds }) => seconds === null)
        ? null
        : sum(({ seconds }) => seconds ?? 0),
      parameters: sum(({ parameters }) => parameters),
      bytes: sum(({ bytes }) => bytes),
      notes: [
        ...new Set([...texts.warnings, ...texts.notes, ...parts.flatMap(({ notes }) => notes)]),
      ],
    };
  });
}

/** What does not fit comes first. */
function larger(a: MemoryEstimate, b: MemoryEstimate): MemoryEstimate {
  if ((a.obstacle === undefined) !== (b.obstacle === undefined))
    return a.obstacle === undefined ? b : a;
  return a.total >= b.total ? a : b;
}

/** From a block and a small solution that are run; null where a block is too large to be tried. */
async function speedOf(
  { programs, folder, engine, budget }: SessionModel,
  { summary }: OpenedModel,
  size: WindowSize,
  signal: AbortSignal = new AbortController().signal,
): Promise<RefitSpeed | null> {
  const params = summary.blocks.map((block) => block.params);
  try {
    const timed = { programs: fitted(programs, false), folder, engine, params, sizes: [size] };
    const { runs } = await timeRuns({ ...timed, budget, signal });
    const blockTokenSeconds = (runs[0]?.blockSeconds ?? Number.NaN) / size.length;
    return { blockTokenSeconds, operationsPerSecond: await timeSolution() };
  } catch (error) {
    if (toReport(error).code === 'too-large') return null;
    throw error;
  }
}
