// The programs that training needs: blocks with adapters or with weights that change, and the
// gradients of those, made out of the score programs for the units that a plan keeps.

import { EspalierError } from '../errors.ts';
import type { BoundProgram, ScorePrograms } from '../model/programs/program.ts';
import type { Structure } from '../model/structure/structure.ts';
import { blockOf } from '../units.ts';
import { type BindableProgram, bind } from './bindable.ts';
import { summingGradient } from './blockGradient.ts';
import { inPlace, notesOf, obstacleOf } from './gradientPrograms.ts';
import { lossHead } from './head.ts';
import { Runs, remember, shapeName } from './runs.ts';
import type { RunShape } from './shapes/programInputs.ts';
import { trainedHead } from './training/head.ts';
import type { TrainedUnit, TrainingOptions } from './training/options.ts';
import type { Parameter } from './training/parameters.ts';
import { trainedUnits } from './training/units.ts';

export type { TrainedUnit, TrainingMethod, TrainingOptions } from './training/options.ts';
export type { Parameter } from './training/parameters.ts';

/** A program that gives gradients, for one run shape. */
interface GradientProgram {
  bound: BoundProgram;
  /** Bytes of values that are alive at once in a run, inputs apart. */
  scratchBytes: number;
}

export interface TrainingPrograms {
  /** Those of all units in order, then those of the head. */
  readonly parameters: readonly Parameter[];
  /** As `kept`. Below the first with parameters no gradient is needed. */
  readonly units: readonly TrainedUnit[];
  /**
   * Loss and gradients of the head. With KL: (original's last hidden state: 'residual', plan's:
   * 'other-residual'), without: (plan's: 'residual'); and targets, loss weights, parameters, sums
   * so far of their gradients. Gives nll (B, S - 1) of the plan (target 'nll'), with KL also kl
   * (target 'compared'), unweighted; the gradient (B, S, C) of the sum over positions of
   * w ((1 - share) nll + share kl) with respect to the plan's state; the sums with those of this
   * run added. Any rows, and any stretch of positions where the head of the score programs may be
   * run by position.
   */
  head(run: RunShape): GradientProgram;
  /** Nll (and kl) as `head` gives them, without gradients and loss weights, for any run shape. */
  readonly measure: BoundProgram;
  /**
   * (residual before the unit, gradient after it, parameters, dropout masks, sums so far of each
   * part) -> gradient before it, and each sum with that of this run added. The same object for the
   * same run shape.
   */
  backward(unit: TrainedUnit, run: RunShape): GradientProgram;
  /** What is left as it is or computed otherwise than the model does, as phrases to show. */
  readonly notes: readonly string[];
  /** Why there are no gradients of this model, or null. `head` and `backward` throw it. */
  readonly obstacle: EspalierError | null;
}

/**
 * The programs of a training. They are made when they are first asked for, once for each run shape
 * and structural class.
 * @param programs score programs of the whole model in float32: `fitted(programs, false)`.
 * @throws EspalierError `unsupported-op` where what shall be trained cannot be: integers, a head
 *   that is the embedding too, a tensor that several blocks share; `bad-input` where there is
 *   nothing to train.
 */
export function makeTrainingPrograms(
  structure: Structure,
  programs: ScorePrograms,
  options: TrainingOptions,
): TrainingPrograms {
  const { run, kl, maxBufferBytes: limit } = options;
  const runs = new Runs(programs, options.feedsNibbles);
  const { units, notes } = trainedUnits({ structure, programs, options, runs });
  const end = trainedHead(structure, programs, options);
  const parameters = [...units.flatMap((unit) => unit.parameters), ...end.parameters];
  if (parameters.length === 0)
    throw new EspalierError(
      'bad-input',
      `Nothing of this plan would be trained${notes.map((note) => `: ${note}`).join('')}.`,
      'Choose other blocks, or heal an export in float32, float16 or with 4-bit weights.',
    );
  const classes = new Map<string, BindableProgram>();
  const gradients = new Map<string, GradientProgram>();
  const heads = new Map<string, GradientProgram>();
  const gradientOf = (made: BindableProgram, bound: BoundProgram): GradientProgram => ({
    bound: bind(made, bound),
    scratchBytes: made.scratchBytes,
  });
  const head = (shape: RunShape): GradientProgram =>
    remember(heads, shapeName(shape), () =>
      inPlace('the head', () => {
        const inputs = end.parameters.map(({ input }) => input);
        const loss = { kl, weight: 'fed', parameters: inputs, limit } as const;
        return gradientOf(lossHead(end.bound, runs.values(shape), loss), end.bound);
      }),
    );
  const backward = ({ unit, training, parameters: own }: TrainedUnit, shape: RunShape) =>
    remember(gradients, `${unit} ${shapeName(shape)}`, () =>
      inPlace(`block ${blockOf(unit)}`, () => {
        const made = remember(classes, runs.key(training, shape), () =>
          summingGradient(
            training,
            runs.values(shape),
            own.map(({ input }) => input),
            limit,
            `gradient-${training.program.id}-${shapeName(shape)}-${classes.size}`,
          ),
        );
        return gradientOf(made, training);
      }),
    );
  return {
    parameters,
    units,
    head,
    measure: end.measure,
    backward,
    notes: [...notesOf(programs), ...notes],
    get obstacle() {
      return obstacleOf(() => {
        head(run);
        const first = units.findIndex((unit) => unit.parameters.length > 0);
        for (const unit of first < 0 ? [] : units.slice(first)) backward(unit, run);
      });
    },
  };
}
