// Heals a plan: its methods one after the other, each on what the ones before have changed, then
// original, pruned and healed measured on the same texts.

import type { HealEvent, HealResult, HealSettings } from '../../contract/heal.ts';
import { EspalierError } from '../../errors.ts';
import type { HealedMeasure, HealingRecord } from '../../model/healing/healing.ts';
import { healingId } from '../../model/healing/id.ts';
import { changesIntegers } from '../../model/healing/storedWeights.ts';
import { formatUnits, sortUnits, type Unit } from '../../units.ts';
import type { SessionModel } from '../score/sessionOptions.ts';
import type { HealJob } from './healJob.ts';
import { type HealSoFar, HealStore } from './healStore.ts';
import { runMethod } from './methods.ts';
import { floatPrograms } from './outcome/floats.ts';
import { measureHealing } from './outcome/measure.ts';
import { CONTROL_LOSS, outcomeWarnings, recoveredShare } from './outcome/outcome.ts';
import { type HealTexts, readHealTexts } from './texts/texts.ts';

/**
 * Runs the methods and measures what came of them. The session's engine is the healing's alone
 * meanwhile; its windows and curve stay.
 * @throws EspalierError `bad-input` (no plan, texts or settings that do not fit), `unsupported-op`
 *   and `unsupported-graph` naming what cannot be healed, `too-large` for the budget, `tokenizer`,
 *   `cancelled`; errors of the engine
 */
export async function heal(job: HealJob): Promise<HealResult> {
  const started = performance.now();
  const { opened, session, methods, signal } = job;
  const removed = sortUnits(job.removed);
  checkMethods(methods, removed);
  const texts = await readHealTexts(job.sources, methods, opened, signal);
  const warnings = [...texts.warnings];
  const say = (notes: readonly string[]): void => {
    for (const text of notes) {
      if (warnings.includes(text)) continue;
      warnings.push(text);
      job.onEvent({ type: 'note', text });
    }
  };
  for (const text of texts.warnings) job.onEvent({ type: 'note', text });
  say(texts.notes);
  const { engine } = session;
  return session.alone(async (model) => {
    const { changes, steps, stoppedAt } = await runMethods(job, model, removed, texts, say);
    const measured = await measureHealing({
      ...model,
      structure: opened.structure,
      removed,
      changes,
      floats: job.quantised === 'float' ? floatPrograms(opened, changes, engine) : null,
      texts: texts.measured,
      signal,
      gate: job.gate,
      onProgress: (progress) => job.onEvent({ type: 'progress', progress }),
    });
    await job.store?.clear();
    const record: HealingRecord = {
      ...{ removed, text: texts.record, steps, measured },
      ...(changesIntegers(opened.structure, changes) && {
        quantised: job.quantised ?? 'again',
      }),
    };
    return {
      healing: { id: await healingId(changes), removed, changes, record },
      measured,
      recovered: recoveredShare(measured),
      stoppedAt,
      device: { kind: engine.kind, name: engine.name },
      warnings: [...outcomeWarnings(measured), ...warnings],
      seconds: (performance.now() - started) / 1000,
    };
  });
}

/**
 * Trains the original on the same text to predict the next token, otherwise as the plan was, refits
 * apart, and measures it on the same texts: `healed` of the rows is what the text does to a model
 * that nothing was removed from.
 * @param stoppedAt steps after which the plan's training was ended, see `HealResult`: the original
 *   is trained for as many, and can only be cancelled
 * @throws EspalierError as `heal`; `bad-input` where no method is a training
 */
export async function controlHealing(
  job: Omit<HealJob, 'removed' | 'stop' | 'store'>,
  stoppedAt: number | null,
): Promise<HealedMeasure[]> {
  const methods = job.methods.flatMap((settings) =>
    settings.method === 'refit' ? [] : [{ ...settings, ...CONTROL_LOSS }],
  );
  if (methods.length === 0)
    throw new EspalierError(
      'bad-input',
      'A refit makes up for what was removed, so there is nothing to do with the original.',
      'Leave out the control, or choose a training.',
    );
  const stop = new AbortController();
  if (stoppedAt === 0) stop.abort();
  const onEvent = (event: HealEvent): void => {
    job.onEvent(event);
    if (event.type === 'step' && event.step === stoppedAt) stop.abort();
  };
  const original = { ...job, methods, removed: [], stop: stop.signal, store: undefined, onEvent };
  return (await heal(original)).measured;
}

/** Runs every method that an interrupted run has not finished. */
async function runMethods(
  job: HealJob,
  model: SessionModel,
  removed: readonly Unit[],
  { inputs }: HealTexts,
  say: (notes: readonly string[]) => void,
): Promise<HealSoFar & { stoppedAt: number | null }> {
  const store = new HealStore(job.store);
  let { changes, steps } = await store.load(inputs.length);
  let stoppedAt: number | null = null;
  for (const input of inputs.slice(steps.length)) {
    const run = await runMethod(input, {
      ...model,
      structure: job.opened.structure,
      removed,
      changes,
      signal: job.signal,
      stop: job.stop,
      gate: job.gate,
      store: store.of({ changes, steps }),
      onEvent: job.onEvent,
    });
    say(run.notes);
    changes = [...changes, ...run.changes];
    steps = [...steps, run.step];
    stoppedAt = run.stoppedAt;
  }
  // A training whose start was best changes nothing and says so.
  if (changes.length > 0 || inputs.at(-1)?.settings.method !== 'refit')
    return { changes, steps, stoppedAt };
  throw new EspalierError(
    'unsupported-graph',
    `Nothing of the model without ${formatUnits(removed)} can be refitted.`,
    'Choose another plan, or a training (LoRA).',
  );
}

/** @throws EspalierError `bad-input` */
export function checkMethods(methods: readonly HealSettings[], removed: readonly Unit[]): void {
  const [first, ...more] = methods.map(({ method }) => method);
  if (
    first === undefined ||
    more.length > 1 ||
    more.includes('refit') ||
    (more.length === 1 && first !== 'refit')
  )
    throw new EspalierError(
      'bad-input',
      `A healing is one method, or a refit and one training after it, not ` +
        `${methods.map(({ method }) => method).join(', ') || 'none'}.`,
      'Choose the methods again.',
    );
  if (removed.length === 0 && first === 'refit')
    throw new EspalierError(
      'bad-input',
      'Nothing is removed, so there is nothing that a refit could make up for.',
      'Choose a plan first.',
    );
}
