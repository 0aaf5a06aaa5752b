// Holds the shape evaluator to ONNX Runtime: every value of every program of a model, for tests.

import type { BoundProgram, ScorePrograms } from '../../model/programs/program.ts';
import { programModel } from '../../model/programs/programModel.ts';
import { evaluateShapes } from '../shapes/evaluate.ts';
import { fold } from '../shapes/fold.ts';
import { inputValues, type RunShape, sideValues } from '../shapes/programInputs.ts';
import { isFloat, type Value } from '../shapes/value.ts';
import { type Result, runtimeValues } from './runtimeValues.ts';

export interface Held {
  /** Values compared, and how many of them had a known content. */
  values: number;
  known: number;
  /** What the evaluator refused, in its words. */
  refused: string[];
  /** Differences to the runtime. */
  faults: string[];
  /** Milliseconds of evaluation, for scripts. */
  ms: number;
}

/** Evaluates all programs of a model and runs them. */
export async function heldToRuntime(programs: ScorePrograms, run: RunShape): Promise<Held> {
  const held: Held = { values: 0, known: 0, refused: [], faults: [], ms: 0 };
  const sides = sideValues(programs, run);
  const past = programs.staticPast ? run.length : 0;
  for (const bound of distinct(programs)) {
    const model = programModel(bound.program);
    const inputs = inputValues(bound, run, sides, programs.stateSize, past);
    let values: Map<string, Value>;
    const start = performance.now();
    try {
      values = evaluateShapes(model, inputs);
    } catch (error) {
      held.refused.push(`${bound.program.id}: ${(error as Error).message}`);
      continue;
    }
    held.ms += performance.now() - start;
    const results = await runtimeValues(model, inputs);
    for (const [name, result] of results) {
      held.values += 1;
      const value = values.get(name);
      if (value?.data) held.known += 1;
      const fault = differs(value, result);
      if (fault) held.faults.push(`${bound.program.id} ${name}: ${fault}`);
    }
    const outputs = model.graph.outputs.map(({ name }) => name);
    for (const [name, result] of await runtimeValues(fold(model, values), inputs, outputs)) {
      const fault = differs({ ...result }, results.get(name) as Result);
      if (fault) held.faults.push(`${bound.program.id} ${name} after folding: ${fault}`);
    }
  }
  return held;
}

function distinct({ embed, side, tokenSide, blocks, head }: ScorePrograms): BoundProgram[] {
  const all = [embed, side, tokenSide, ...blocks, head].filter((bound) => bound !== null);
  return [...new Map(all.map((bound) => [bound.program.id, bound])).values()];
}

/** What is wrong with a value, or null. */
export function differs(value: Value | undefined, { type, dims, data }: Result): string | null {
  if (!value) return 'not evaluated';
  const [told, got] = [`${value.type} [${value.dims}]`, `${type} [${dims}]`];
  if (told !== got) return `${told} instead of ${got}`;
  const wrong = value.data?.findIndex((x, k) => !close(x, data[k] as number, isFloat(type)));
  if (wrong === undefined || wrong < 0) return null;
  return `element ${wrong} is ${value.data?.[wrong]} instead of ${data[wrong]}`;
}

/** Floats may differ by a rounding; integers beyond 2^53 are only nearly kept. */
function close(a: number, b: number, float: boolean): boolean {
  if (Object.is(a, b) || a === b) return true;
  return (float || Math.abs(b) > 2 ** 53) && Math.abs(a - b) <= 1e-6 * Math.abs(b);
}
