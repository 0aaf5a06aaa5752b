// One check of a device self-test: a tiny program on the device and on what it is held against.

import type { SelfTestCheck } from '../../contract/device.ts';
import type { Engine } from './engine.ts';
import { toFloat32 } from './host.ts';
import type { Probe } from './probes.ts';

export interface Check<Name extends string = string> {
  name: Name;
  probe: Probe;
  /** Largest absolute error that is accepted. */
  tolerance: number;
  /** What follows when it fails. */
  onFailure: string;
}

/** Runs a probe on one of the two sides. */
export type Evaluate = (probe: Probe) => Promise<Float32Array>;

/** Compares both sides; a side that does not run is a failed check. */
export async function runCheck<Name extends string>(
  { name, probe, tolerance, onFailure }: Check<Name>,
  reference: Evaluate,
  device: Evaluate,
  tamper?: (check: Name, values: Float32Array) => void,
): Promise<SelfTestCheck> {
  try {
    const expected = await reference(probe);
    const found = await device(probe);
    tamper?.(name, found);
    const maxError = largestDifference(expected, found);
    const ok = maxError <= tolerance;
    return {
      name,
      ok,
      maxError,
      note: ok ? '' : `off by ${maxError.toPrecision(2)}: ${onFailure}`,
    };
  } catch (error) {
    return {
      name,
      ok: false,
      maxError: null,
      note: `did not run (${error instanceof Error ? error.message : String(error)}): ${onFailure}`,
    };
  }
}

/** @param cpu the CPU provider of the engine's build instead of the device */
export function evaluateOn(engine: Engine, cpu = false): Evaluate {
  return async ({ program, feeds, output }) => {
    const compiled = await engine.compile(program, { cpu });
    const { host } = await engine.run(compiled, feeds, new Map());
    const found = host.get(output);
    if (!found) throw new Error(`no output ${output}`);
    return toFloat32(found).slice();
  };
}

/** Infinite when one side is not a number where the other is. */
function largestDifference(expected: Float32Array, found: Float32Array): number {
  if (expected.length !== found.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (const [i, value] of expected.entries()) {
    const difference = Math.abs(value - (found[i] ?? Number.NaN));
    largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(largest, difference);
  }
  return largest;
}
