// The gradient program of a block: from the gradient of its output to that of its input, and to
// what is read out of its weights.

import type { BoundProgram, Program, ProgramInput } from '../model/programs/program.ts';
import type { Sublayer } from '../units.ts';
import { type BindableProgram, bind, bindable, soleInput } from './bindable.ts';
import { type ForwardGraph, forwardGraph, type RunValues } from './forward.ts';
import type { WeightKind, WeightRole } from './roles.ts';
import { type Gradient, materialised, sweep } from './sweep.ts';
import {
  appendScore,
  appendScoreOfSums,
  appendSums,
  type GradientPart,
  output,
  type Ports,
  partsOf,
  type Reading,
} from './taps.ts';

/** A weight of a block whose gradient its program gives. */
export interface Tap {
  /** Names it within the block's program: `{ kind: 'taylor', weight }`. */
  weight: string;
  /** Its scores are sums over the other axes, by the index on this one; null = one sum over all. */
  axis: number | null;
  /** Its name in the model, for messages. */
  name: string;
  kind: WeightKind;
  /** The half of the block that reads it; null where the block has no halves. */
  sublayer: Sublayer | null;
  dims: readonly number[];
  /** What accumulates over chunks; empty where one chunk holds all windows. */
  parts: readonly GradientPart[];
}

/** How the gradients of one block are computed. */
export interface BlockGradient {
  /**
   * (residual before the block, gradient after it) -> gradient before it, and for each tap its
   * parts, with those of earlier chunks added, or its score where one chunk holds all windows.
   * The weights are those of the block; quantised matrices may be bound in another form.
   */
  bound: BoundProgram;
  taps: readonly Tap[];
  /** (parts over all chunks) -> scores; null where `bound` gives the scores. */
  scoring: BoundProgram | null;
  /** Bytes of values that are alive at once in a run, parts and other inputs apart. */
  scratchBytes: number;
}

/** What is asked of the weights. */
export interface TapOptions {
  /** Weights of the block's program whose gradients are wanted. */
  roles: readonly WeightRole[];
  /** Weights that are scored by the index on an axis, by name within the program. */
  axes?: ReadonlyMap<string, number>;
  /** Sums over chunks instead of scores of one. */
  accumulate: boolean;
  /** Largest gradient of a weight in one piece, in bytes. */
  limit: number;
}

/** The gradient programs of one structural class of blocks for one run shape. */
export interface GradientClass {
  main: BindableProgram;
  scoring: BindableProgram | null;
  /** Weights that the output of the block depends on, with the dims of their floats. */
  reached: ReadonlyMap<string, { dims: readonly number[]; axis: number | null }>;
  limit: number;
  accumulate: boolean;
}

/**
 * The gradient programs of a block and of all others of its class.
 * @param bound the block's program in float32.
 * @param id what the programs are called.
 * @throws EspalierError `unsupported-op` for an operator without a rule.
 */
export function gradientClass(
  bound: BoundProgram,
  values: RunValues,
  taps: TapOptions,
  id: string,
): GradientClass {
  const { accumulate, limit } = taps;
  const asked = taps.roles.map(({ weight }) => weight);
  const { forward, ports, reached } = blockSweep(bound, values, asked, taps.axes);
  const append = accumulate ? appendSums : appendScore;
  for (const [reading, gradient] of reached) append(forward.b, reading, gradient, limit, ports);
  const readings = [...reached.keys()];
  return {
    main: bindable(forward, bound.program, ports, id),
    scoring:
      accumulate && readings.length > 0
        ? scoringProgram(forward, bound.program, readings, limit, `${id}-scores`)
        : null,
    reached: new Map(
      readings.map(({ weight, floats, axis }) => [weight, { dims: forward.b.dims(floats), axis }]),
    ),
    limit,
    accumulate,
  };
}

/**
 * (residual before the block, gradient after it, sums so far) -> gradient before it, and the sums
 * of the gradients of these inputs with those of this run added.
 */
export function summingGradient(
  bound: BoundProgram,
  values: RunValues,
  parameters: readonly string[],
  limit: number,
  id: string,
): BindableProgram {
  const { forward, ports, reached } = blockSweep(bound, values, parameters);
  for (const [reading, gradient] of reached) appendSums(forward.b, reading, gradient, limit, ports);
  return bindable(forward, bound.program, ports, id);
}

interface BlockSweep {
  forward: ForwardGraph;
  /** The gradient after the block comes in, that before it goes out. */
  ports: Ports;
  /** The asked weights on which the block depends. */
  reached: ReadonlyMap<Reading, Gradient>;
}

function blockSweep(
  bound: BoundProgram,
  values: RunValues,
  asked: readonly string[],
  axes?: ReadonlyMap<string, number>,
): BlockSweep {
  const residual = soleInput(bound.program, 'residual');
  const forward = forwardGraph(bound, values, [residual], new Set(asked));
  const { b } = forward;
  const [y = ''] = forward.outputs;
  const dy = b.declare(b.fresh('dy'), b.value(y));
  const readings: Reading[] = asked.map((weight) => ({
    weight,
    floats: forward.floats.get(weight) ?? weight,
    axis: axes?.get(weight) ?? null,
  }));
  const leaves = [residual, ...readings.map(({ floats }) => floats)];
  const seeds = new Map([[y, dy]]);
  const gradients = sweep(b, { seeds, leaves, known: forward.known });
  const inputs: ProgramInput[] = [{ name: dy, type: 'float32', source: { kind: 'gradient' } }];
  const ports: Ports = { inputs, outputs: [] };
  const own = gradients.get(residual);
  output(ports, own ? materialised(b, own) : b.zeros(b.dims(residual)), { kind: 'gradient' });
  const reached = new Map<Reading, Gradient>();
  for (const reading of readings) {
    const gradient = gradients.get(reading.floats);
    if (gradient) reached.set(reading, gradient);
  }
  return { forward, ports, reached };
}

/** (sums of all parts, weights) -> scores. Floats of stored integers are computed again. */
function scoringProgram(
  forward: ForwardGraph,
  program: Program,
  reached: readonly Reading[],
  limit: number,
  id: string,
): BindableProgram {
  const ports: Ports = { inputs: [], outputs: [] };
  for (const reading of reached) appendScoreOfSums(forward.b, reading, limit, ports);
  return bindable(forward, program, ports, id);
}

/** A block's gradient out of the programs of its class. */
export function blockGradient(
  { main, scoring, reached, limit, accumulate }: GradientClass,
  bound: BoundProgram,
  roles: readonly WeightRole[],
): BlockGradient {
  return {
    bound: bind(main, bound),
    scoring: scoring && bind(scoring, bound),
    scratchBytes: Math.max(main.scratchBytes, scoring?.scratchBytes ?? 0),
    taps: roles.flatMap((role) => {
      const found = reached.get(role.weight);
      if (!found) return [];
      const parts = accumulate ? partsOf(role.weight, found.dims, limit) : [];
      return [{ ...role, ...found, parts }];
    }),
  };
}
