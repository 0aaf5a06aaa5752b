// Sums over the tokens of a run of what a product of it reads: X'X, in stripes.

import type { BoundProgram, OutputTarget } from '../../model/programs/program.ts';
import { bindAlike, Extension } from './extension.ts';

/** Columns from..to of the lower triangle of h'h, rows from `from` on: one output of a program. */
export interface Stripe {
  from: number;
  to: number;
  output: string;
}

export const SUM: OutputTarget = { kind: 'sum' };
/** More columns in one stripe would waste what lies above the diagonal. */
const STRIPE_COLUMNS = 1024;

/** h'h for h (tokens, inputs). */
export function gramOf(e: Extension, h: string, inputs: number): Stripe[] {
  return stripesOf(inputs).map(({ from, to }): Stripe => {
    const whole = from === 0 && to === inputs;
    const left = from === 0 ? h : e.columns(h, from, inputs);
    const right = whole ? h : e.columns(h, from, to);
    return { from, to, output: e.op('Gemm', [left, right], { transA: 1 }) };
  });
}

/** Even stripes of at most `STRIPE_COLUMNS` columns. */
function stripesOf(inputs: number): { from: number; to: number }[] {
  const count = Math.ceil(inputs / STRIPE_COLUMNS);
  const edge = (k: number): number => Math.round((k * inputs) / count);
  return Array.from({ length: count }, (_, k) => ({ from: edge(k), to: edge(k + 1) }));
}

/** Bytes of the stripes of one run, float32. */
export function gramBytes(inputs: number): number {
  return stripesOf(inputs).reduce(
    (sum, { from, to }) => sum + 4 * (inputs - from) * (to - from),
    0,
  );
}

/**
 * The part of a block that values of it come from, with the sums of one run of what they hold.
 * @param values (.., inputs) each, added up
 * @returns X'X with the inputs in reverse order, as `factorInputs` takes it
 */
export function gramProgram(
  bound: BoundProgram,
  values: readonly string[],
  inputs: number,
): { bound: BoundProgram; gram: readonly Stripe[] } {
  const e = new Extension(bound.program);
  const rows = values.map((value) => e.rows(value, inputs));
  const all = rows.length === 1 ? rows[0]! : e.op('Concat', rows, { axis: 0 });
  const gram = gramOf(e, e.reversedColumns(all), inputs);
  const program = e.program(
    `${bound.program.id}-gram-${values.join('+')}`,
    gram.map(({ output }) => ({ name: output, type: 'float32', target: SUM })),
  );
  return { bound: bindAlike(program, bound), gram };
}
