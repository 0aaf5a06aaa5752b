// Quantises a plan: which matrix in which form, GPTQ where it is asked for, and what came of it.

import type { Progress } from '../../contract/progress.ts';
import type { QuantiseResult } from '../../contract/quantise.ts';
import { EspalierError } from '../../errors.ts';
import { quantisedRemarks } from '../../model/export/quantised.ts';
import { dtypeSteps } from '../../model/export/steps.ts';
import { quantisationId } from '../../model/quantise/id.ts';
import { lossParts } from '../../model/quantise/lossParts.ts';
import type {
  ComputedMatrix,
  Quantisation,
  QuantisedDtype,
  QuantisedMeasure,
} from '../../model/quantise/quantisation.ts';
import { sortUnits } from '../../units.ts';
import type { CheckpointStore } from '../checkpoint/checkpoint.ts';
import { TimedGate } from '../pass/gate.ts';
import { gptq } from './gptq/gptq.ts';
import type { QuantiseJob } from './job.ts';
import { type BaseJob, basePrograms } from './jobBase.ts';
import { bytesWritten } from './jobBytes.ts';
import {
  checkForms,
  formsLeft,
  gptqMatrices,
  matrixReports,
  quantisedBase,
  runtimeNotes,
  stepsBefore,
} from './jobMatrices.ts';
import { checkQuantiseSettings } from './jobSettings.ts';
import { QuantiseStore } from './jobStore.ts';
import { readQuantiseTexts } from './jobTexts.ts';
import { measureQuantised } from './measure/measure.ts';
import { chooseForms } from './mixed.ts';
import { besideGptq } from './rebound.ts';

/**
 * Chooses the forms of all matrices, computes those of GPTQ, and measures the model that an export
 * with them writes. The session's engine is the job's alone meanwhile; its windows and curve stay.
 * @throws EspalierError `bad-input` (settings that exclude each other, forms that do not fit, texts
 *   that are missing or too short), `unsupported-graph` where nothing can be quantised, `too-large`
 *   for the budget, `tokenizer`, `cancelled`; errors of the engine
 */
export async function quantise(given: QuantiseJob): Promise<QuantiseResult> {
  const started = performance.now();
  const gate = new TimedGate(given.gate);
  const job = { ...given, gate };
  const { opened, session, settings, dtype, signal, onEvent } = job;
  checkQuantiseSettings(job);
  const removed = sortUnits(job.removed);
  const base = quantisedBase({ ...job, removed });
  checkForms(base, job.forms);
  const texts = await readQuantiseTexts(job.sources, opened, settings.method === 'gptq', signal);
  if (!session && texts.measured.length > 0)
    throw new EspalierError('bug', 'A quantisation was given texts and nothing to run them on.');
  const warnings: string[] = [];
  const say = (notes: readonly string[]): void => {
    for (const text of notes) {
      if (warnings.includes(text)) continue;
      warnings.push(text);
      onEvent({ type: 'note', text });
    }
  };
  say(texts.notes);
  const store = new QuantiseStore(job.store);
  const forms = formsLeft(base, job.forms);
  const inBase: BaseJob = { ...job, removed, base, texts, forms };
  const chosen = await chooseForms(inBase, store.of('sensitivities'));
  const { sensitivities } = chosen;
  const kept = { sensitivities: [...sensitivities] };
  await store.keep('sensitivities', kept, sensitivities.size);
  say(chosen.notes);
  checkForms(base, chosen.forms, job.mixed);
  const { computed, notes } = await computeMatrices(inBase, chosen.forms, store.of('gptq'));
  say(notes);
  const made = {
    removed,
    healing: job.healing?.id ?? null,
    settings,
    forms: chosen.forms,
    computed,
  };
  const unmeasured: Quantisation = {
    id: await quantisationId(made),
    ...made,
    record: { text: texts.statistics?.record ?? null, mixed: job.mixed, measured: [] },
  };
  const steps = [...stepsBefore(job), ...dtypeSteps(dtype, unmeasured)];
  const onProgress = (progress: Progress): void => onEvent({ type: 'progress', progress });
  const measured = session
    ? await measureQuantised({
        ...{ opened, session, removed, steps, texts: texts.measured, signal, gate, onProgress },
      })
    : [];
  say(noNumbers(measured, dtype));
  await store.clear();
  const matrices = matrixReports(base, chosen.forms, sensitivities);
  say([...quantisedRemarks(opened, removed, steps), ...runtimeNotes(base)]);
  return {
    quantisation: {
      ...unmeasured,
      record: {
        ...unmeasured.record,
        measured: measured.map(({ nllPerWindow: _, ...parts }) => parts),
      },
    },
    dtype,
    matrices,
    measured,
    bytes: await bytesWritten(opened, removed, steps),
    device: session && { kind: session.engine.kind, name: session.engine.name },
    warnings,
    seconds: (performance.now() - started - gate.heldMs) / 1000,
  };
}

/** Texts on which the model gives numbers before it is quantised, and none after. */
function noNumbers(measured: readonly QuantisedMeasure[], dtype: QuantisedDtype): string[] {
  const lost = measured.filter((one) => {
    const before = lossParts(one).at(-1)?.before;
    return Number.isFinite(before) && !Number.isFinite(one.quantised.nll);
  });
  const advice =
    dtype === 'q4f16'
      ? 'Values go beyond float16: take q4, whose activations are float32.'
      : 'Take another method, a smaller block or 8 bits.';
  return lost.map(({ name }) => `As ${dtype} the model gives no numbers on ${name}. ${advice}`);
}

/** What GPTQ gives for the matrices of the blocks; nothing for other methods. */
async function computeMatrices(
  job: BaseJob,
  forms: Quantisation['forms'],
  store: CheckpointStore | undefined,
): Promise<{ computed: ComputedMatrix[]; notes: string[] }> {
  const { base, texts, settings, session, removed, signal, gate, onEvent } = job;
  const matrices = gptqMatrices(base, forms);
  if (settings.method !== 'gptq' || !session || !texts.statistics || matrices.length === 0)
    return { computed: [], notes: [] };
  const { windows } = texts.statistics;
  return session.alone((model) => {
    const programs = besideGptq(base, basePrograms(job, model), forms);
    return gptq({
      ...{ ...model, programs, removed, matrices, windows },
      block: settings.block,
      scales: base.activations,
      ...{ signal, gate, store },
      onProgress: (progress) => onEvent({ type: 'progress', progress }),
    });
  });
}
