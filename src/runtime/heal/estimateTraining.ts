// What a training will take, before it starts: memory from its plan, time from runs that are
// measured.

import type { HealEstimate } from '../../contract/heal.ts';
import { count } from '../device/host.ts';
import type { Gate } from '../pass/gate.ts';
import { Pause } from './pause.ts';
import { openTraining } from './training.ts';
import { trainingMemory } from './trainingMemory.ts';
import { setUpTraining, type TrainingJob, type TrainingSetup } from './trainingSetup.ts';

export interface EstimateJob extends TrainingJob {
  /** False: nothing runs, and seconds are null. */
  measure: boolean;
  gate?: Gate | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Takes the first runs of a step twice without changing anything: the first time warms up, the
 * second one is measured, as are the teacher and the held-out part on the same sequences.
 * @throws EspalierError as `setUpTraining`, of the engine and the files, `cancelled`
 */
export async function estimateTraining(job: EstimateJob): Promise<HealEstimate> {
  const setup = setUpTraining(job);
  const { shape, training, memory, notes } = setup;
  const values = training.parameters.reduce((sum, { dims }) => sum + count(dims), 0);
  return {
    memory: trainingMemory(shape, memory),
    seconds: job.measure && memory.obstacle === null ? await secondsOf(job, setup) : null,
    parameters: values,
    bytes: 4 * values,
    notes,
  };
}

async function secondsOf(job: EstimateJob, setup: TrainingSetup): Promise<number> {
  const { settings } = job;
  const { memory, sequences, orderOf, heldOut, used } = setup;
  const pause = new Pause(job);
  const { runs, teacher, dispose } = await openTraining(job, setup, pause, () => {});
  // Runs that go through the blocks together: a step is so many of them.
  const places = orderOf(0).slice(0, memory.rows * memory.group);
  const parts = settings.batch / places.length;
  const tokens = (of: readonly number[]): number =>
    of.reduce((sum, place) => sum + (sequences[place]?.ids.length ?? 0), 0);
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const [started, held] = [performance.now(), pause.heldMs];
    await work();
    return (performance.now() - started - (pause.heldMs - held)) / 1000;
  };
  const step = (): Promise<number> =>
    runs.step(places, { share: settings.dropout, seed: settings.seed, step: 0 });
  try {
    const first = await timed(step);
    const forward = await timed(() => runs.loss(places));
    const taught = teacher ? await timed(() => teacher.again(places)) : 0;
    const later = await timed(step);
    const measured = 1 + Math.ceil(settings.steps / settings.heldOutEvery);
    const taughtTokens = memory.teacher.whole
      ? tokens([...heldOut, ...used])
      : settings.steps * parts * tokens(places) + measured * tokens(heldOut);
    const warmUp = Math.max(0, first - later);
    const steps = settings.steps * parts * later + taught * (taughtTokens / tokens(places));
    return warmUp + steps + measured * forward * (tokens(heldOut) / tokens(places));
  } finally {
    await dispose();
  }
}
