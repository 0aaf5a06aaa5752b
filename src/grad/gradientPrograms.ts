// The gradient programs of a model, made out of its score programs for the shapes of a run.

import { EspalierError } from '../errors.ts';
import type { BoundProgram, ScorePrograms } from '../model/programs/program.ts';
import type { Structure } from '../model/structure/structure.ts';
import { bind } from './bindable.ts';
import {
  type BlockGradient,
  blockGradient,
  type GradientClass,
  gradientClass,
} from './blockGradient.ts';
import { lossHead } from './head.ts';
import { type WeightKind, type WeightRole, weightRoles } from './roles.ts';
import { Runs, remember, shapeName } from './runs.ts';
import type { RunShape } from './shapes/programInputs.ts';

export interface GradientPrograms {
  /**
   * (last hidden state, targets) -> (nll (B, S - 1), gradient (B, S, C)) of the mean NLL over
   * `predictions` positions. Any rows, and any stretch of positions where the head of the score
   * programs may be run by position.
   */
  head(run: RunShape): BoundProgram;
  /** The gradient of one block: the same object for the same run shape. */
  block(block: number, run: RunShape): BlockGradient;
  /** What is computed otherwise than the model computes it, as phrases to show. */
  readonly notes: readonly string[];
  /** Why there are no gradients of this model, or null. Everything above throws it. */
  readonly obstacle: EspalierError | null;
}

export interface GradientOptions {
  /** Shape of the largest chunk; others may be asked for later. */
  run: RunShape;
  /** Predicted positions of all windows together: N of the mean loss. */
  predictions: number;
  /** False when one chunk holds all windows: scores then come out of the blocks themselves. */
  accumulate: boolean;
  /** Kinds of weights whose gradients are wanted. */
  kinds: readonly WeightKind[];
  /**
   * Of a block, the stored tensors whose scores are wanted, by name: one for each index on an axis.
   * Absent: one score for every weight of `kinds`.
   */
  axes?: ((block: number) => ReadonlyMap<string, number>) | undefined;
  /** Largest binding of the device in bytes: gradients of larger matrices come in parts. */
  maxBufferBytes: number;
  /** The device takes tensors of 4-bit integers as inputs; otherwise their floats are fed. */
  feedsNibbles: boolean;
}

/**
 * Gradients of a model. Programs are made when they are first asked for, once for each run shape
 * and structural class; the first call for a shape takes about as long as making the score
 * programs did.
 * @param programs score programs in float32: `fitted(programs, false)`.
 */
export function makeGradientPrograms(
  structure: Structure,
  programs: ScorePrograms,
  options: GradientOptions,
): GradientPrograms {
  const runs = new Runs(programs, options.feedsNibbles);
  const classes = new Map<string, GradientClass>();
  const heads = new Map<string, BoundProgram>();
  const counted = new Map<number, readonly WeightRole[]>();
  const bounds = new Map<string, BlockGradient>();
  const loss = { kl: 0, weight: 1 / options.predictions, parameters: [], limit: 0 };
  const head = (run: RunShape): BoundProgram =>
    remember(heads, shapeName(run), () =>
      inPlace('the head', () =>
        bind(lossHead(programs.head, runs.values(run), loss), programs.head),
      ),
    );
  const block = (at: number, run: RunShape): BlockGradient =>
    remember(bounds, `${at} ${shapeName(run)}`, () => inPlace(`block ${at}`, () => made(at, run)));
  const made = (at: number, run: RunShape): BlockGradient => {
    const bound = programs.blocks[at];
    if (!bound) throw new EspalierError('bug', `There is no block ${at}.`);
    const named = options.axes?.(at);
    const roles = remember(counted, at, () =>
      weightRoles(structure, bound, at).filter(
        ({ kind, name }) => options.kinds.includes(kind) && (named?.has(name) ?? true),
      ),
    );
    const axes = new Map(roles.flatMap(({ weight, name }) => axisOf(weight, named?.get(name))));
    const { id } = bound.program;
    const weights = roles.map(({ weight }) => weight);
    const key = JSON.stringify([runs.key(bound, run), weights, [...axes]]);
    const shared = remember(classes, key, () =>
      gradientClass(
        bound,
        runs.values(run),
        { roles, axes, accumulate: options.accumulate, limit: options.maxBufferBytes },
        `gradient-${id}-${shapeName(run)}-${classes.size}`,
      ),
    );
    return blockGradient(shared, bound, roles);
  };
  return {
    head,
    block,
    notes: notesOf(programs),
    get obstacle() {
      return obstacleOf(() => {
        head(options.run);
        for (const at of programs.blocks.keys()) block(at, options.run);
      });
    },
  };
}

function axisOf(weight: string, axis: number | undefined): [string, number][] {
  return axis === undefined ? [] : [[weight, axis]];
}

/** What `make` refuses, or null. */
export function obstacleOf(make: () => void): EspalierError | null {
  try {
    make();
    return null;
  } catch (error) {
    if (error instanceof EspalierError && error.code !== 'bug') return error;
    throw error;
  }
}

/** Says in which part of the model an operator stands in the way. */
export function inPlace<T>(where: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof EspalierError) || error.code !== 'unsupported-op') throw error;
    throw new EspalierError(
      error.code,
      `The gradient of ${where} cannot be computed: ${error.message}`,
      error.hint,
      error.detail,
    );
  }
}

const NOTES: readonly (readonly [operators: readonly string[], note: string])[] = [
  [
    ['DynamicQuantizeLinear', 'QuantizeLinear', 'com.microsoft.DynamicQuantizeMatMul'],
    'int8 products are computed in float',
  ],
  [
    ['com.microsoft.MoE', 'com.microsoft.QMoE', 'NonZero'],
    'every expert is computed for every token',
  ],
];

/** What the gradients of these programs compute otherwise than the programs, as phrases. */
export function notesOf({ blocks, head }: ScorePrograms): string[] {
  const used = new Set([...blocks, head].flatMap(({ program }) => Object.keys(program.ops)));
  return NOTES.filter(([operators]) => operators.some((op) => used.has(op))).map(
    ([, note]) => note,
  );
}
