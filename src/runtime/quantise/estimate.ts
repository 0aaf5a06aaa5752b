// What a quantisation will take and come to, before it starts.

import type { QuantiseEstimate } from '../../contract/quantise.ts';
import type { MemoryEstimate } from '../../contract/score.ts';
import { quantisedRemarks } from '../../model/export/quantised.ts';
import { dtypeSteps } from '../../model/export/steps.ts';
import type { Quantisation } from '../../model/quantise/quantisation.ts';
import { sortUnits, type Unit } from '../../units.ts';
import type { ScoreSession } from '../score/session.ts';
import { estimateGptq } from './gptq/gptqMemory.ts';
import type { QuantiseJob } from './job.ts';
import { basePrograms } from './jobBase.ts';
import { bytesWritten } from './jobBytes.ts';
import {
  checkForms,
  gptqMatrices,
  matrixReports,
  type QuantisedBase,
  quantisedBase,
  runtimeNotes,
  stepsBefore,
} from './jobMatrices.ts';
import { checkQuantiseSettings } from './jobSettings.ts';
import { measuredSize } from './jobTexts.ts';
import { measureMemory } from './measure/measure.ts';

/** What is not started needs neither a store nor events. */
interface EstimateJob extends Omit<QuantiseJob, 'store' | 'onEvent' | 'session'> {
  session: ScoreSession;
}

/**
 * Every matrix with the form that the settings give it, bytes and memory. Which matrices `mixed`
 * will choose is not known yet: it is counted as the bytes that it may take. Reads no weights.
 * @throws EspalierError as `quantise`, but for what its runs throw
 */
export async function estimateQuantise(job: EstimateJob): Promise<QuantiseEstimate> {
  checkQuantiseSettings(job);
  const removed = sortUnits(job.removed);
  const base = quantisedBase({ ...job, removed });
  checkForms(base, job.forms);
  const { opened, settings, dtype, mixed, forms } = job;
  // What GPTQ computes takes the same bytes as rounding to the nearest.
  const sized = {
    ...settings,
    method: settings.method === 'gptq' ? 'rtn' : settings.method,
  } as const;
  const quantisation: Quantisation = {
    id: '',
    ...{ removed, healing: job.healing?.id ?? null, settings: sized, forms, computed: [] },
    record: { text: null, mixed, measured: [] },
  };
  const steps = [...stepsBefore(job), ...dtypeSteps(dtype, quantisation)];
  const extra = mixed?.kind === 'bytes' ? mixed.bytes : 0;
  const matrices = matrixReports(base, forms);
  const measuring = { opened, session: job.session, removed, steps };
  const { windows, length } = measuredSize(job.sources);
  const most = await measureMemory(measuring, windows, length);
  const { memory, notes } = withGptq(job, removed, base, most);
  return {
    memory,
    matrices,
    bytes: (await bytesWritten(opened, removed, steps)) + extra,
    notes: [...quantisedRemarks(opened, removed, steps), ...runtimeNotes(base), ...notes],
  };
}

/** Of measuring, or of GPTQ where that takes more. */
function withGptq(
  { opened, session, sources, settings, forms }: EstimateJob,
  removed: readonly Unit[],
  base: QuantisedBase,
  measuring: MemoryEstimate,
): { memory: MemoryEstimate; notes: string[] } {
  if (settings.method !== 'gptq') return { memory: measuring, notes: [] };
  const { model } = session;
  const { memory, notes } = estimateGptq({
    ...{ removed, matrices: gptqMatrices(base, forms), block: settings.block },
    ...{ size: { windows: sources.samples, length: sources.length }, device: model.engine },
    programs: basePrograms({ opened, base }, model),
    budget: model.budget,
  });
  return { memory: larger(measuring, memory), notes };
}

/** What does not fit comes first. */
function larger(a: MemoryEstimate, b: MemoryEstimate): MemoryEstimate {
  if ((a.obstacle === undefined) !== (b.obstacle === undefined))
    return a.obstacle === undefined ? b : a;
  return a.total >= b.total ? a : b;
}
