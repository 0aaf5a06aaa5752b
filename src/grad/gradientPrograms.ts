// The gradient programs of a model, made out of its score programs for the shapes of a run.

import { EspalierError } from '../errors.ts';
import type { BoundProgram, ScorePrograms } from '../model/programs/program.ts';
import type { Structure } from '../model/structure/structure.ts';
import {
  type BlockGradient,
  blockGradient,
  type GradientClass,
  gradientClass,
} from './blockGradient.ts';
import type { RunValues } from './forward.ts';
import { klHead, nllHead } from './head.ts';
import { type WeightKind, type WeightRole, weightRoles } from './roles.ts';
import { type RunShape, sideValues } from './shapes/programInputs.ts';
import type { Value } from './shapes/value.ts';

export interface GradientPrograms {
  /**
   * (last hidden state, targets) -> (nll (B, S - 1), gradient (B, S, C)) of the mean NLL over
   * `predictions` positions. Any rows, and any stretch of positions where the head of the score
   * programs may be run by position.
   */
  head(run: RunShape): BoundProgram;
  /**
   * (original's last hidden state, plan's, targets) -> (nll of both, KL, top; gradient with respect
   * to the plan's) of the mean KL(original || plan) over `predictions` positions.
   */
  divergenceHead(run: RunShape): BoundProgram;
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
  const classes = new Map<string, GradientClass>();
  const heads = new Map<string, BoundProgram>();
  const shapes = new Map<string, ReadonlyMap<string, Value>>();
  const counted = new Map<number, readonly WeightRole[]>();
  const bounds = new Map<string, BlockGradient>();
  const remember = <K, T>(map: Map<K, T>, key: K, make: () => T): T => {
    const value = map.get(key) ?? make();
    map.set(key, value);
    return value;
  };
  const valuesOf = (run: RunShape): RunValues => ({
    run,
    sides: remember(shapes, nameOf(run), () => sideValues(programs, run)),
    stateSize: programs.stateSize,
    past: programs.staticPast ? run.length : 0,
    feedsNibbles: options.feedsNibbles,
  });
  // Blocks of one class may read different masks, whose contents become part of the program.
  const contents = new Map<string, number>();
  const knownSides = (bound: BoundProgram, sides: RunValues['sides']): unknown[] =>
    [...bound.sides].flatMap(([input, side]) => {
      const data = sides.get(side)?.data?.join() ?? null;
      return data === null ? [] : [[input, remember(contents, data, () => contents.size)]];
    });
  const head = (run: RunShape): BoundProgram =>
    remember(heads, nameOf(run), () =>
      inPlace('the head', () => nllHead(programs.head, valuesOf(run), options.predictions)),
    );
  const block = (at: number, run: RunShape): BlockGradient =>
    remember(bounds, `${at} ${nameOf(run)}`, () => inPlace(`block ${at}`, () => made(at, run)));
  const made = (at: number, run: RunShape): BlockGradient => {
    const bound = programs.blocks[at];
    if (!bound) throw new EspalierError('bug', `There is no block ${at}.`);
    const roles = remember(counted, at, () =>
      weightRoles(structure, bound, at).filter(({ kind }) => options.kinds.includes(kind)),
    );
    const { id } = bound.program;
    const values = valuesOf(run);
    const weights = roles.map(({ weight }) => weight);
    const key = JSON.stringify([id, nameOf(run), weights, knownSides(bound, values.sides)]);
    const shared = remember(classes, key, () =>
      gradientClass(
        bound,
        values,
        { roles, accumulate: options.accumulate, limit: options.maxBufferBytes },
        `gradient-${id}-${nameOf(run)}-${classes.size}`,
      ),
    );
    return blockGradient(shared, bound, roles);
  };
  return {
    head,
    divergenceHead: (run) =>
      remember(heads, `kl ${nameOf(run)}`, () =>
        inPlace('the head', () => klHead(programs.compare, valuesOf(run), options.predictions)),
      ),
    block,
    notes: notesOf(programs),
    get obstacle() {
      try {
        head(options.run);
        for (const at of programs.blocks.keys()) block(at, options.run);
        return null;
      } catch (error) {
        if (error instanceof EspalierError && error.code !== 'bug') return error;
        throw error;
      }
    },
  };
}

const nameOf = ({ rows, length }: RunShape): string => `${rows}x${length}`;

/** Says in which part of the model an operator stands in the way. */
function inPlace<T>(where: string, make: () => T): T {
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
    'int8 products computed in float',
  ],
  [['com.microsoft.MoE', 'com.microsoft.QMoE', 'NonZero'], 'every expert computed for every token'],
];

function notesOf({ blocks, head }: ScorePrograms): string[] {
  const used = new Set([...blocks, head].flatMap(({ program }) => Object.keys(program.ops)));
  return NOTES.filter(([operators]) => operators.some((op) => used.has(op))).map(
    ([, note]) => note,
  );
}
