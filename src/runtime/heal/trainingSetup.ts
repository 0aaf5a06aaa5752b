// What a training runs with, made out of what is asked for: programs, sequences and a memory plan.

import { stepOrder } from '../../analysis/training/order.ts';
import type { TrainSettings } from '../../contract/heal.ts';
import { MOST_RANK, MOST_SEED } from '../../contract/healDefaults.ts';
import { EspalierError } from '../../errors.ts';
import { makeTrainingPrograms, type TrainingPrograms } from '../../grad/trainingPrograms.ts';
import type { WeightChange } from '../../model/healing/healing.ts';
import { healedPrograms } from '../../model/healing/programs.ts';
import { type ScorePrograms, traitsOf } from '../../model/programs/program.ts';
import { fitted } from '../../model/programs/widen.ts';
import type { Structure } from '../../model/structure/structure.ts';
import type { Sequence } from '../../text/training/sequences.ts';
import { blockOf, type Unit } from '../../units.ts';
import { sequenceOf } from '../pass/schedule.ts';
import type { SessionModel } from '../score/sessionOptions.ts';
import { capital } from './refitParts.ts';
import { type ChunkOptions, usable } from './trainingData.ts';
import {
  planTraining,
  rowsOfRun,
  type TrainingPlan,
  type TrainingShape,
} from './trainingMemory.ts';

interface TrainingData {
  fit: readonly Sequence[];
  /** Measured, never learned; may be empty. */
  heldOut: readonly Sequence[];
}

/** What is trained; of the session's model, in `ScoreSession.alone`. */
export interface TrainingJob extends SessionModel {
  structure: Structure;
  /** Sorted; empty: the original is trained. */
  removed: readonly Unit[];
  /** What has been changed before: training goes on from there. */
  changes: readonly WeightChange[];
  settings: TrainSettings;
  data: TrainingData;
}

export interface TrainingSetup {
  shape: TrainingShape;
  training: TrainingPrograms;
  /** Score programs of the plan, a block for each unit that runs, with what was changed before. */
  plan: ScorePrograms;
  memory: TrainingPlan;
  /** Those to learn from, then those held out. */
  sequences: readonly Sequence[];
  /** Places of the sequences that step s = 0, 1, .. takes. */
  orderOf(step: number): number[];
  /** Places of those that are held out. */
  heldOut: readonly number[];
  /** Places of those that steps take, in the order of their first use. */
  used: readonly number[];
  /** Of the teacher and of the plan. */
  chunks: { teacher: ChunkOptions; plan: ChunkOptions };
  /** What became of the data; sentences. */
  notes: string[];
}

/**
 * @throws EspalierError `bad-input` for settings, sequences or a plan that cannot be trained;
 *   `unsupported-op` where there are no gradients, before anything runs
 */
export function setUpTraining(job: TrainingJob): TrainingSetup {
  checkTraining(job.settings);
  const { structure, removed, changes, settings, data, engine, budget } = job;
  const original = fitted(job.programs, false);
  const base =
    changes.length === 0
      ? original
      : fitted(healedPrograms(job.programs, structure, changes), false);
  const kept = sequenceOf(original.blocks.length, removed);
  if (kept.length === 0)
    throw new EspalierError('bad-input', 'The plan removes every block.', 'Keep at least one.');
  const fit = usable(data.fit, original.vocabSize);
  const heldOut = usable(data.heldOut, original.vocabSize);
  if (fit.length === 0)
    throw new EspalierError(
      'bad-input',
      'There is nothing to learn: no sequence has a prediction that counts.',
      'Use a longer text, or longer sequences if answers are cut off.',
    );
  const sequences = [...fit, ...heldOut];
  const longest = Math.max(...sequences.map(({ ids }) => ids.length));
  const { batch } = settings;
  const training = makeTrainingPrograms(structure, base, {
    kept,
    training: methodOf(settings, kept),
    kl: settings.kl,
    run: { rows: rowsOfRun(original, batch)[0]!, length: longest },
    maxBufferBytes: engine.maxBufferBytes,
    feedsNibbles: engine.feedsNibbles,
  });
  if (training.obstacle) throw training.obstacle;
  const plan = planPrograms(base, training);
  const orderOf = stepOrder({ ...settings, count: fit.length });
  const used = [
    ...new Set(Array.from({ length: settings.steps }, (_, step) => orderOf(step)).flat()),
  ];
  const held = heldOut.map((_, k) => fit.length + k);
  const taught =
    settings.kl > 0
      ? [...held, ...used].reduce((sum, place) => sum + (sequences[place]?.ids.length ?? 0), 0)
      : null;
  const shape = { original, plan, training, engine, budget, batch, longest, taught };
  const memory = planTraining(shape);
  const pads = !plan.rowsInteract;
  // Alone, a sequence that was dropped is computed again without others that were not.
  const together = memory.teacher.whole || settings.order === 'given';
  const dropped = data.fit.length + data.heldOut.length - sequences.length;
  return {
    shape,
    training,
    plan,
    memory,
    sequences,
    orderOf,
    heldOut: held,
    used,
    chunks: {
      teacher: { rows: together ? memory.rows : 1, longest, pads },
      plan: { rows: memory.rows, longest, pads },
    },
    notes: [
      ...training.notes.map((phrase) => `${capital(phrase)}.`),
      ...(dropped > 0
        ? [`${dropped} of the sequences have no prediction that counts, and are left out.`]
        : []),
    ],
  };
}

function methodOf(
  settings: TrainSettings,
  kept: readonly Unit[],
): Parameters<typeof makeTrainingPrograms>[2]['training'] {
  const { rank, alpha, matrices, dropout, blocks, norms, head } = settings;
  if (settings.method === 'lora')
    return { method: 'lora', rank, scale: alpha / rank, matrices, dropout: dropout > 0 };
  const last = blocks === 0 ? [] : kept.slice(-blocks);
  return { method: 'full', blocks: last.map(blockOf), norms, head };
}

/** The programs that run: those of the kept units without gradients, and the head that measures. */
function planPrograms(base: ScorePrograms, training: TrainingPrograms): ScorePrograms {
  const { embed, side, tokenSide } = base;
  return {
    ...traitsOf(base),
    embed,
    side,
    tokenSide,
    blocks: training.units.map(({ forward }) => forward),
    head: training.measure,
    get compare() {
      return base.compare;
    },
  };
}

/** @throws EspalierError `bad-input` naming the first setting that is out of range */
function checkTraining(settings: TrainSettings): void {
  const { kl, steps, batch, rate, warmup, weightDecay, maxNorm, heldOutEvery } = settings;
  const { seed, rank, alpha, dropout, blocks } = settings;
  const whole = (least: number) => (value: number) => Number.isSafeInteger(value) && value >= least;
  const upTo = (least: number, most: number) => (value: number) =>
    whole(least)(value) && value <= most;
  const share = (value: number): boolean => value >= 0 && value <= 1;
  const positive = (value: number): boolean => Number.isFinite(value) && value > 0;
  const lora = settings.method === 'lora';
  const rules: [what: string, value: number, right: (value: number) => boolean, range: string][] = [
    ['share of the KL divergence', kl, share, 'from 0 to 1'],
    ['number of steps', steps, whole(1), 'a whole number of at least 1'],
    ['number of sequences per step', batch, whole(1), 'a whole number of at least 1'],
    ['learning rate', rate, positive, 'above 0'],
    ['number of warm-up steps', warmup, whole(0), 'a whole number of at least 0'],
    ['weight decay', weightDecay, (value) => value >= 0 && value < 1, 'from 0 to below 1'],
    ['largest norm of the gradients', maxNorm ?? 1, positive, 'above 0'],
    ['number of steps between measurements', heldOutEvery, whole(1), 'a whole number above 0'],
    ['seed', seed, upTo(0, MOST_SEED), `a whole number from 0 to ${MOST_SEED}`],
    ['rank', lora ? rank : 1, upTo(1, MOST_RANK), `a whole number from 1 to ${MOST_RANK}`],
    ['alpha', lora ? alpha : 1, positive, 'above 0'],
    ['dropout', lora ? dropout : 0, (value) => value >= 0 && value < 1, 'from 0 to below 1'],
    ['number of blocks', lora ? 0 : blocks, whole(0), 'a whole number of at least 0'],
  ];
  for (const [what, value, right, range] of rules)
    if (!right(value))
      throw new EspalierError(
        'bad-input',
        `The ${what} must be ${range}, not ${value}.`,
        'Change the settings of the training.',
      );
}
