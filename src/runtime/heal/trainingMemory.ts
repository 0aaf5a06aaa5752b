// Plans what a training holds at once, so that it stays within a budget, and states it before it
// starts.

import type { MemoryEstimate } from '../../contract/score.ts';
import { EspalierError } from '../../errors.ts';
import type { RunShape } from '../../grad/shapes/programInputs.ts';
import type { Parameter, TrainingPrograms } from '../../grad/trainingPrograms.ts';
import type { BoundProgram, ScorePrograms } from '../../model/programs/program.ts';
import { formatBytes } from '../../quantities.ts';
import type { Engine } from '../device/engine.ts';
import { count } from '../device/host.ts';
import type { HeadLimits } from '../gradients/backwardPass.ts';
import { headLimits } from '../gradients/memory.ts';
import {
  allPrograms,
  largestWeight,
  sidePrograms,
  stagesOf,
  storedBytes,
  weightBytes,
} from '../weights/stages.ts';
import { maskWidth } from './dropout.ts';
import { parameterBytes } from './parameters.ts';

/** Logits of two models with what their comparison passes through. */
const COMPARED_COPIES = 10;
/** Values of one run of a block stay under this where a smaller run will do. */
const RUN_BYTES = 2 ** 30;
/** Of a small budget, a run of the head takes at most one part in this many. */
const PART = 4;
/**
 * States beside those at the cuts: before and after a block that is not trained, gradients before
 * and after one that is, and the teacher's.
 */
const RUNNING = 5;

/** What decides how a training runs. */
export interface TrainingShape {
  /** Score programs of the intact model in float32. */
  original: ScorePrograms;
  /** Those of the plan, a block for each unit that runs. */
  plan: ScorePrograms;
  training: TrainingPrograms;
  engine: Pick<Engine, 'kind' | 'onHost' | 'maxBufferBytes'>;
  budget: number;
  /** Sequences of a step. */
  batch: number;
  /** Tokens of the longest sequence. */
  longest: number;
  /** Tokens of all sequences whose states the teacher has to give; null without a teacher. */
  taught: number | null;
}

export interface TrainingPlan {
  /** All weights of the plan stay on the device. */
  resident: boolean;
  /** The next block is read while one runs. */
  prefetch: boolean;
  /** Weights in other forms, such as the floats of 4-bit integers, stay too. */
  keepsForms: boolean;
  /** Sequences in one run. */
  rows: number;
  /** Runs that go through the blocks together. */
  group: number;
  head: HeadLimits;
  teacher: {
    /** Bytes of states that may be kept. */
    room: number;
    /** All of them fit. */
    whole: boolean;
  };
  bytes: Pick<MemoryEstimate, 'weights' | 'hiddenStates' | 'scratch' | 'logits'>;
  /** Why this cannot be run, or null. */
  obstacle: EspalierError | null;
}

/**
 * The plan that reads weights least often, runs most sequences at once and keeps most states of the
 * teacher, in this order, within the budget. Where nothing fits, the smallest with an obstacle.
 * @throws EspalierError where there are no gradients
 */
export function planTraining(shape: TrainingShape): TrainingPlan {
  const { plan, training, engine, budget, batch, longest, taught } = shape;
  const head = headLimits(
    plan,
    batch,
    longest,
    budget / PART,
    engine.maxBufferBytes,
    taught === null ? undefined : COMPARED_COPIES,
  );
  const headRun = { rows: head.rows, length: head.tokens === null ? longest : head.tokens + 1 };
  const ofLoss = training.head(headRun);
  const headBytes = ofLoss.scratchBytes + sumBytes(ofHead(training.parameters)) * SUMS;
  const headForms = formBytes(training.measure, ofLoss.bound, engine);
  const stateOf = (rows: number): number => rows * longest * plan.stateSize * 4;
  const trained = training.units.findIndex(({ parameters }) => parameters.length > 0);
  const first = trained < 0 ? training.units.length : trained;
  const kept = training.units.length + 1 - first + RUNNING;
  const fixed = parameterBytes(training.parameters, engine);
  // Of a step, where not all of the teacher's states fit.
  const needed = taught === null ? 0 : Math.min(taught * plan.stateSize * 4, stateOf(batch));
  const runs = new Map<number, RunBytes>();
  const runOf = (rows: number): RunBytes => {
    const known = runs.get(rows) ?? runBytes(training, { rows, length: longest }, engine);
    runs.set(rows, known);
    return known;
  };
  const rowChoices = rowsOfRun(plan, batch);
  const planOf = (choice: WeightChoice, rows: number): TrainingPlan => {
    const { forms, scratch } = runOf(rows);
    const run = scratch + (choice.keepsForms ? 0 : forms);
    const logits = headBytes + (choice.keepsForms ? 0 : headForms);
    const weights = fixed + choice.weights;
    const free = budget - weights - Math.max(run, logits);
    const all = taught === null ? 0 : taught * plan.stateSize * 4;
    const chunks = Math.ceil(batch / rows);
    const own = stateOf(rows) * kept;
    // Streamed weights are read once for all chunks that go together.
    const wanted = choice.resident ? 1 : chunks;
    const whole = free >= all + own;
    const room = whole ? all : Math.max(needed, Math.floor((free - own) / 2));
    const group = Math.max(1, Math.min(wanted, Math.floor((free - room) / own)));
    const hiddenStates = group * own + room;
    const bytes = { weights, hiddenStates, scratch: run, logits };
    const total = weights + hiddenStates + Math.max(run, logits);
    const { resident, prefetch, keepsForms } = choice;
    return {
      resident,
      prefetch,
      keepsForms,
      rows,
      group,
      head,
      // The states of a step pass by beside those that stay.
      teacher: { room: whole ? all : room - needed, whole },
      bytes,
      obstacle: total <= budget ? null : tooLarge(bytes, fixed, budget),
    };
  };
  const choices = weightChoices(shape, { rows: rowChoices[0]!, length: longest }, ofLoss.bound);
  for (const choice of choices)
    for (const rows of rowChoices) {
      if (rows > 1 && runOf(rows).scratch > RUN_BYTES) continue;
      const made = planOf(choice, rows);
      if (made.obstacle === null) return made;
    }
  return planOf(choices.at(-1)!, 1);
}

/** Peak bytes by part, before the job. Parameters count as weights. */
export function trainingMemory(
  { plan, original, taught, budget }: TrainingShape,
  { bytes, resident, obstacle }: TrainingPlan,
): MemoryEstimate {
  const { weights, hiddenStates, scratch, logits } = bytes;
  return {
    ...bytes,
    total: weights + hiddenStates + Math.max(scratch, logits),
    largestBuffer: Math.max(largestWeight(plan), taught === null ? 0 : largestWeight(original)),
    budget,
    streaming: !resident,
    // Of a step, once forward and once backward.
    bytesRead: (resident ? 1 : 2) * storedBytes(plan),
    ...(obstacle ? { obstacle: `${obstacle.message} ${obstacle.hint}` } : {}),
  };
}

/** Numbers of sequences in a run that divide a step evenly, largest first. */
export function rowsOfRun(
  { rowsInteract }: Pick<ScorePrograms, 'rowsInteract'>,
  batch: number,
): number[] {
  if (rowsInteract) return [1];
  return Array.from({ length: batch }, (_, k) => batch - k).filter((rows) => batch % rows === 0);
}

interface WeightChoice {
  resident: boolean;
  prefetch: boolean;
  keepsForms: boolean;
  weights: number;
}

/** From the most to the least; a block of the teacher is there beside what stays. */
function weightChoices(
  { original, plan, training, engine, taught }: TrainingShape,
  run: RunShape,
  head: BoundProgram,
): WeightChoice[] {
  const { kind } = engine;
  const stages = stagesOf(plan, kind);
  const own = stages.order.map(stages.ownBytes);
  const teacherBeside = (programs: readonly BoundProgram[]): number[] =>
    taught === null ? [] : teacherBytes(original, programs, engine);
  const teacher = teacherBeside(allPrograms(plan));
  const streamed = teacherBeside([...stages.pinned, ...sidePrograms(plan)]);
  const next = (bytes: readonly number[]): number[] =>
    bytes.map((one, k) => one + (bytes[k + 1] ?? 0));
  const most = (bytes: readonly number[]): number => Math.max(0, ...bytes);
  const backward = training.units
    .filter(({ parameters }) => parameters.length > 0)
    .map((unit) => training.backward(unit, run).bound);
  const stays = allPrograms(plan);
  const bytesOf = (programs: readonly BoundProgram[]): number => weightBytes(programs, kind);
  return [
    {
      resident: true,
      prefetch: false,
      keepsForms: true,
      weights: bytesOf([...stays, ...backward, head]) + most(teacher),
    },
    {
      resident: true,
      prefetch: false,
      keepsForms: false,
      weights: bytesOf(stays) + most(teacher),
    },
    {
      resident: false,
      prefetch: true,
      keepsForms: false,
      weights: stages.pinnedBytes + Math.max(most(next(own)), most(next(streamed))),
    },
    {
      resident: false,
      prefetch: false,
      keepsForms: false,
      weights: stages.pinnedBytes + Math.max(most(own), most(streamed)),
    },
  ];
}

/** By stage of the original: bytes beside those of programs that are loaded. */
function teacherBytes(
  original: ScorePrograms,
  loaded: readonly BoundProgram[],
  { kind }: Pick<Engine, 'kind'>,
): number[] {
  const shared = weightBytes(loaded, kind);
  return [original.embed, ...original.blocks].map(
    (bound) => weightBytes([...loaded, bound], kind) - shared,
  );
}

interface RunBytes {
  /** Values of a run, sums of gradients and masks of dropout. */
  scratch: number;
  /** Weights that it reads in another form besides. */
  forms: number;
}

/** The sums before a run; those after it are values of the run. */
const SUMS = 1;

/** Of the block that takes most of each. */
function runBytes(
  training: TrainingPrograms,
  run: RunShape,
  engine: Pick<Engine, 'kind' | 'onHost'>,
): RunBytes {
  const most: RunBytes = { scratch: 0, forms: 0 };
  for (const unit of training.units) {
    if (unit.parameters.length === 0) continue;
    const { bound, scratchBytes } = training.backward(unit, run);
    const masks = 4 * run.rows * run.length * maskWidth(bound);
    // Masks are copied to the device.
    const held = sumBytes(unit.parameters) * SUMS + masks * (engine.onHost ? 1 : 2);
    most.scratch = Math.max(most.scratch, scratchBytes + held);
    most.forms = Math.max(most.forms, formBytes(unit.forward, bound, engine));
  }
  return most;
}

/** Bytes of weights that the gradient reads and the program itself does not. */
function formBytes(
  program: BoundProgram,
  gradient: BoundProgram,
  { kind }: Pick<Engine, 'kind'>,
): number {
  return weightBytes([program, gradient], kind) - weightBytes([program], kind);
}

function ofHead(parameters: readonly Parameter[]): Parameter[] {
  return parameters.filter(({ block }) => block === 'head');
}

function sumBytes(parameters: readonly Parameter[]): number {
  return parameters.reduce((sum, { dims }) => sum + 4 * count(dims), 0);
}

function tooLarge(bytes: TrainingPlan['bytes'], fixed: number, budget: number): EspalierError {
  const { weights, hiddenStates, scratch, logits } = bytes;
  const total = weights + hiddenStates + Math.max(scratch, logits);
  return new EspalierError(
    'too-large',
    `This training needs ${formatBytes(total)} at once (${formatBytes(weights - fixed)} of ` +
      `weights, ${formatBytes(fixed)} for what it changes, ${formatBytes(hiddenStates)} of ` +
      `hidden states, ${formatBytes(Math.max(scratch, logits))} for one run), but the budget is ` +
      `${formatBytes(budget)}.`,
    'Raise the memory budget, use shorter sequences, or train less: a lower rank, fewer blocks.',
  );
}
