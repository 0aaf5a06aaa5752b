// Gradient descent on the weights of a plan: adapters or stored weights, by AdamW, towards the next
// token or the original's predictions; what is best on the held-out part is kept.

import { rateAt } from '../../analysis/training/schedule.ts';
import type { HealEvent } from '../../contract/heal.ts';
import type { Progress } from '../../contract/progress.ts';
import { EspalierError } from '../../errors.ts';
import type { HealingStep, WeightChange } from '../../model/healing/healing.ts';
import type { Checkpoint, CheckpointStore } from '../checkpoint/checkpoint.ts';
import { CheckpointWriter } from '../checkpoint/writer.ts';
import type { Gate } from '../pass/gate.ts';
import { Pause, StoppedEarly } from './pause.ts';
import { openTraining, type Training } from './training.ts';
import { type Progressed, readTraining, storedTraining, trainingKey } from './trainingBody.ts';
import { setUpTraining, type TrainingJob, type TrainingSetup } from './trainingSetup.ts';

export interface TrainJob extends TrainingJob {
  /** Holds the training between two runs. */
  gate?: Gate | undefined;
  /** Ends the training early: its best state is the result. */
  stop?: AbortSignal | undefined;
  /** Cancels it: nothing comes of it. */
  signal?: AbortSignal | undefined;
  /** Where it is written down; an interrupted run of it goes on from there, bit by bit. */
  store?: CheckpointStore | undefined;
  onEvent(event: HealEvent): void;
}

export interface TrainResult extends Pick<HealingStep, 'losses' | 'heldOut'> {
  /** They follow those that were there before; empty where the start was best. */
  changes: WeightChange[];
  /** The step whose weights were kept; 0 = the start. */
  kept: number;
  /** Steps that were taken; null when all were. */
  stoppedAt: number | null;
  /** What is computed otherwise than the model does, how it ended; sentences. */
  notes: string[];
  /** Without pauses. */
  seconds: number;
}

/**
 * Trains. Events: steps, measurements on the held-out part, progress.
 * @throws EspalierError as `setUpTraining`; `too-large` for the budget; `bad-input` where the loss
 *   is not a number before anything has changed; `cancelled`, errors of the engine and the files
 */
export async function train(job: TrainJob): Promise<TrainResult> {
  const started = performance.now();
  const { settings, store, onEvent } = job;
  const setup = setUpTraining(job);
  if (setup.memory.obstacle) throw setup.memory.obstacle;
  const writer = store ? new CheckpointWriter(store) : null;
  const pause = new Pause(job);
  const report = progressOf(settings.steps, onEvent);
  // Before anything is held on the device, which a fault here would not give back.
  const what = trainingKey(setup, job);
  const training = await openTraining(job, setup, pause, report.prepare);
  const loop = new Loop(job, setup, training, pause, writer, report, what);
  try {
    const ending = await loop.run();
    await writer?.clear();
    const { losses, heldOut, kept, step } = loop.progressed;
    const changes = kept === 0 ? [] : training.parameters.changes(settings.alpha / settings.rank);
    return {
      changes,
      losses,
      heldOut,
      kept,
      stoppedAt: step < settings.steps ? step : null,
      notes: [...setup.notes, ...ending],
      seconds: (performance.now() - started - pause.heldMs) / 1000,
    };
  } catch (error) {
    await writer?.last(error, async () => loop.checkpoint());
    throw error;
  } finally {
    await training.dispose();
  }
}

class Loop {
  readonly progressed: Progressed = { step: 0, losses: [], heldOut: [], kept: 0 };
  private readonly job: TrainJob;
  private readonly setup: TrainingSetup;
  private readonly training: Training;
  private readonly pause: Pause;
  private readonly writer: CheckpointWriter | null;
  private readonly report: ReturnType<typeof progressOf>;
  /** See `trainingKey`. */
  private readonly what: string;
  /** The step that values are now those of, where one is under way. */
  private updating = false;

  constructor(
    job: TrainJob,
    setup: TrainingSetup,
    training: Training,
    pause: Pause,
    writer: CheckpointWriter | null,
    report: ReturnType<typeof progressOf>,
    what: string,
  ) {
    this.job = job;
    this.setup = setup;
    this.training = training;
    this.pause = pause;
    this.writer = writer;
    this.report = report;
    this.what = what;
  }

  /** @returns how it ended, in sentences */
  async run(): Promise<string[]> {
    const { settings } = this.job;
    const { progressed } = this;
    await this.resume();
    this.report.begin(progressed.step);
    const notes: string[] = [];
    try {
      await this.teach();
      for (;;) {
        if (this.due) notes.push(...(await this.measure()));
        if (notes.length > 0 || progressed.step === settings.steps) break;
        notes.push(...(await this.step()));
        if (notes.length > 0) break;
        this.report.step(progressed.step);
        await this.writer?.offer(async () => this.checkpoint());
      }
    } catch (error) {
      if (!(error instanceof StoppedEarly)) throw error;
      this.pause.finishing = true;
      notes.push(...(await this.measure()));
    }
    return [...notes, ...this.ending()];
  }

  checkpoint(): Checkpoint {
    const { what, progressed, training } = this;
    const { steps } = this.job.settings;
    // Half of an update cannot be gone on from.
    if (this.updating) return { done: 0, total: steps, body: null };
    const body = storedTraining(what, progressed, training.parameters);
    return { done: progressed.step, total: steps, body };
  }

  private async resume(): Promise<void> {
    const { training, what, progressed } = this;
    const saved = await this.writer?.load();
    const body = saved ? readTraining(saved.body, what, training.parameters) : null;
    if (!body) return;
    training.parameters.restore(body);
    const { step, losses, heldOut, kept } = body;
    Object.assign(progressed, { step, losses, heldOut, kept });
    const { onEvent } = this.job;
    for (const point of heldOut) onEvent({ type: 'held-out', ...point });
  }

  /** The original's states, where they fit at once. */
  private async teach(): Promise<void> {
    const { setup, training, progressed } = this;
    if (!setup.memory.teacher.whole) return;
    const { steps } = this.job.settings;
    const { orderOf, heldOut } = setup;
    const left = Array.from({ length: steps - progressed.step }, (_, k) => progressed.step + k);
    const places = [...new Set([...heldOut, ...left.flatMap((step) => orderOf(step))])];
    await training.teacher?.prepare(places, this.report.teacher);
  }

  /** One step. @returns why it cannot go on, in sentences; none where it can */
  private async step(): Promise<string[]> {
    const { settings, onEvent } = this.job;
    const { progressed, training, pause } = this;
    const { parameters, runs } = training;
    const { steps, maxNorm, weightDecay, seed, dropout } = settings;
    const step = progressed.step + 1;
    const places = this.setup.orderOf(step - 1);
    const loss = await runs.step(places, { share: dropout, seed, step: step - 1 });
    const norm = parameters.norm();
    if (!Number.isFinite(loss) || !Number.isFinite(norm))
      return [this.notFinite(step, Number.isFinite(loss) ? 'gradient' : 'loss')];
    // Without a held-out part, values whose loss is a number are the best that is known.
    if (this.setup.heldOut.length === 0) this.keep(progressed.step);
    const rate = rateAt(step, settings);
    this.updating = true;
    await parameters.update(step, { rate, weightDecay, norm, maxNorm }, pause.breathe);
    progressed.step = step;
    progressed.losses.push(loss);
    this.updating = false;
    onEvent({ type: 'step', step, steps, loss, norm, rate });
    return [];
  }

  /** The held-out part is measured after this step, which an interruption may have prevented. */
  private get due(): boolean {
    const { heldOutEvery, steps } = this.job.settings;
    const { step } = this.progressed;
    return step % heldOutEvery === 0 || step === steps;
  }

  /** Loss on the held-out part, once for a step. */
  private async measure(): Promise<string[]> {
    const { heldOut } = this.setup;
    const { progressed, training } = this;
    const { step } = progressed;
    if (heldOut.length === 0) {
      if (step === 0) return [];
      if (!training.parameters.finite()) return [this.notFinite(step, 'gradient')];
      this.keep(step);
      return [];
    }
    if (progressed.heldOut.at(-1)?.step === step) return [];
    const loss = await training.runs.loss(heldOut);
    if (!Number.isFinite(loss)) return [this.notFinite(step, 'loss on the held-out part')];
    const best = Math.min(...progressed.heldOut.map((point) => point.loss));
    progressed.heldOut.push({ step, loss });
    if (loss < best) this.keep(step);
    this.job.onEvent({ type: 'held-out', step, loss });
    return [];
  }

  private keep(step: number): void {
    this.training.parameters.keepBest();
    this.progressed.kept = step;
  }

  /** @throws EspalierError where nothing has been changed yet */
  private notFinite(step: number, what: string): string {
    const { kept, step: done } = this.progressed;
    const at = `The ${what} of step ${step} is not a number`;
    if (done === 0)
      throw new EspalierError(
        'bad-input',
        `${at}, before anything was changed.`,
        'The numbers of this model overflow on this text: try another graph, device or text.',
      );
    return (
      `${at}, so the training ended there; the weights of step ${kept} are kept. ` +
      'Use a lower learning rate, or a smaller limit of the norm.'
    );
  }

  private ending(): string[] {
    const { kept, step, heldOut } = this.progressed;
    if (kept > 0) return [];
    if (step === 0)
      return ['The training ended before its first step, so the weights stay as they were.'];
    return heldOut.length > 0
      ? [
          'No step lowered the loss on the held-out part, so the weights stay as they were: try ' +
            'another learning rate (a lower one where the loss rises), more steps, or other text.',
        ]
      : [];
  }
}

/** Tells how far a training is, in steps. */
function progressOf(steps: number, onEvent: TrainJob['onEvent']) {
  const tell = (progress: Omit<Progress, 'job'>): void =>
    onEvent({ type: 'progress', progress: { job: 'heal', ...progress } });
  let before = 0;
  let started = performance.now();
  return {
    prepare: (phase: 'compile' | 'read', done: number, total: number): void =>
      tell({
        phase,
        done,
        total,
        unit: phase === 'read' ? 'bytes' : 'programs',
        secondsLeft: null,
      }),
    teacher: (done: number, total: number): void =>
      tell({ phase: 'warmup', done, total, unit: 'blocks', secondsLeft: null }),
    begin(step: number): void {
      before = step;
      started = performance.now();
    },
    step(done: number): void {
      const seconds = (performance.now() - started) / 1000;
      const secondsLeft = done > before ? (seconds / (done - before)) * (steps - done) : null;
      tell({ phase: 'score', done, total: steps, unit: 'steps', secondsLeft });
    },
  };
}
