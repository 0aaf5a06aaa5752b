// Reads gradients of weights out of a block's gradient program: as scores, or as parts that
// accumulate over chunks and are scored when all windows have been seen.

import type { OutputTarget, ProgramInput, ProgramOutput } from '../model/programs/program.ts';
import { DataType } from '../onnx/graph.ts';
import type { Builder } from './build/builder.ts';
import type { Gradient } from './sweep.ts';

/** A stretch of the gradient of a weight, along its first axis, that fits one buffer. */
export interface GradientPart {
  /** Of input sources and output targets: `{ kind: 'weight-gradient', part }`. */
  part: string;
  /** float32 */
  dims: readonly number[];
}

/** Rows from..to of the first axis; the whole where `count` is 1. */
interface Stripe {
  from: number;
  to: number;
  whole: boolean;
}

const FLOAT_BYTES = 4;

/** Stripes of at most `limit` bytes each, of equal height but for the last. */
export function stripesOf(dims: readonly number[], limit: number): Stripe[] {
  const [rows = 1, ...rest] = dims;
  const rowBytes = rest.reduce((n, d) => n * d, FLOAT_BYTES);
  const most = Math.max(1, Math.floor(limit / rowBytes));
  const count = Math.ceil(rows / most);
  const height = Math.ceil(rows / count);
  return Array.from({ length: count }, (_, k) => ({
    from: k * height,
    to: Math.min(rows, (k + 1) * height),
    whole: count === 1,
  }));
}

/** The parts of a weight by name, which do not depend on the run. */
export function partsOf(weight: string, dims: readonly number[], limit: number): GradientPart[] {
  return stripesOf(dims, limit).map(({ from, to }, k) => ({
    part: `${weight}/${k}`,
    dims: [to - from, ...dims.slice(1)],
  }));
}

/** One stripe of a gradient: of products only the columns that make it. */
function stripe(b: Builder, { products, value }: Gradient, { from, to, whole }: Stripe): string {
  const cut = (x: string, axis: number): string => (whole ? x : b.slice(x, axis, from, to));
  const parts = products.map(({ left, right }) => b.gemm(cut(left, 1), right, { transA: true }));
  return [...parts, ...(value === null ? [] : [cut(value, 0)])].reduce((sum, part) =>
    b.add(sum, part),
  );
}

/**
 * sum |W g| as a scalar, rows first: one long float32 sum would lose digits. With an axis the sums
 * over the others, by the index on it.
 */
function score(b: Builder, weight: string, gradient: string, axis: number | null): string {
  const terms = b.unary('Abs', b.mul(weight, gradient));
  const rank = b.dims(terms).length;
  const others = [...Array(rank).keys()].filter((k) => k !== axis);
  if (axis !== null) return b.sum(terms, others, false);
  return b.total(rank > 1 ? b.sum(terms, [-1]) : terms);
}

/** What a program gains: inputs, and outputs with what they are for. */
export interface Ports {
  inputs: ProgramInput[];
  outputs: ProgramOutput[];
}

export function output(ports: Ports, name: string, target: OutputTarget): void {
  ports.outputs.push({ name, type: 'float32', target });
}

/** A weight where its gradient is read out. */
export interface Reading {
  /** Names it: the input of the score program. */
  weight: string;
  /** The value that holds its floats. */
  floats: string;
  /** Scores are sums over the other axes, by the index on this one; null = one sum over all. */
  axis: number | null;
}

/** Appends the score of a weight in one run: sum over its stripes. */
export function appendScore(
  b: Builder,
  reading: Reading,
  gradient: Gradient,
  limit: number,
  ports: Ports,
): void {
  appendTotal(b, reading, limit, ports, (rows) => stripe(b, gradient, rows));
}

/** Appends, for each part, an input with the sum so far and an output with this run's added. */
export function appendSums(
  b: Builder,
  { weight, floats }: Omit<Reading, 'axis'>,
  gradient: Gradient,
  limit: number,
  ports: Ports,
): void {
  const stripes = stripesOf(b.dims(floats), limit);
  partsOf(weight, b.dims(floats), limit).forEach(({ part, dims }, k) => {
    const sum = partInput(b, part, dims, ports);
    const next = b.add(sum, stripe(b, gradient, stripes[k] as Stripe));
    output(ports, next, { kind: 'weight-gradient', part });
  });
}

/** Appends the score of a weight whose summed parts are inputs. */
export function appendScoreOfSums(b: Builder, reading: Reading, limit: number, ports: Ports): void {
  const parts = partsOf(reading.weight, b.dims(reading.floats), limit);
  appendTotal(b, reading, limit, ports, (_, k) => {
    const { part, dims } = parts[k] as GradientPart;
    return partInput(b, part, dims, ports);
  });
}

/** Appends the sum over the stripes of a weight, whose gradients `gradientOf` gives. */
function appendTotal(
  b: Builder,
  { weight, floats, axis }: Reading,
  limit: number,
  ports: Ports,
  gradientOf: (rows: Stripe, k: number) => string,
): void {
  const scores = stripesOf(b.dims(floats), limit).map((rows, k) => {
    const values = rows.whole ? floats : b.slice(floats, 0, rows.from, rows.to);
    return score(b, values, gradientOf(rows, k), axis);
  });
  const total = axis === 0 ? b.concat(scores, 0) : scores.reduce((sum, one) => b.add(sum, one));
  output(ports, total, { kind: 'taylor', weight });
}

function partInput(b: Builder, part: string, dims: readonly number[], { inputs }: Ports): string {
  const name = b.declare(b.fresh(`sum_${part}`), { type: DataType.float, dims });
  inputs.push({ name, type: 'float32', source: { kind: 'weight-gradient', part, dims } });
  return name;
}
