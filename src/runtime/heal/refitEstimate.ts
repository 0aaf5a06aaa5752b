// What a refit takes, stated before it starts: memory, time, and what it cannot do.

import { RidgeSums, ridgeOperations, solveRidge } from '../../analysis/algebra/ridge.ts';
import type { HealEstimate, RefitSettings } from '../../contract/heal.ts';
import type { WindowSize } from '../../contract/runTimes.ts';
import type { MemoryEstimate } from '../../contract/score.ts';
import type { BoundProgram, ScorePrograms } from '../../model/programs/program.ts';
import { fitted } from '../../model/programs/widen.ts';
import type { Structure } from '../../model/structure/structure.ts';
import { elementCount } from '../../onnx/graph.ts';
import { blockOf, type Unit } from '../../units.ts';
import type { MemoryDevice } from '../weights/memory.ts';
import { largestWeight, storedBytes } from '../weights/stages.ts';
import { planRefit, type RefitPlan, sumsBytes, withoutHead } from './refitMemory.ts';
import { type RefitPart, refitParts } from './refitParts.ts';

export interface RefitRequest {
  structure: Structure;
  programs: ScorePrograms;
  removed: readonly Unit[];
  settings: Pick<RefitSettings, 'all'>;
  /** The windows to fit on. */
  size: WindowSize;
  device: MemoryDevice;
  /** Bytes that may be taken together. */
  budget: number;
}

/** How fast this machine is. */
export interface RefitSpeed {
  /** Seconds of one block for one token, as `RunTime` has them. */
  blockTokenSeconds: number;
  /** Multiplications and additions of float64 per second, see `timeSolution`. */
  operationsPerSecond: number;
}

/**
 * Reads no weights. @param speed null where no run has been measured: seconds are then not known
 * @throws EspalierError as `refitParts`
 */
export function estimateRefit(request: RefitRequest, speed: RefitSpeed | null): HealEstimate {
  const programs = fitted(request.programs, false);
  const { parts, notes } = refitParts({ ...request, programs });
  const body = withoutHead(programs);
  const plan = planRefit(body, parts, request.size, request.device, request.budget);
  const parameters = parts.reduce((sum, { product }) => sum + product.inputs * product.outputs, 0);
  return {
    memory: memoryOf(body, plan, parts, request),
    seconds: speed && secondsOf(plan, parts, request, speed),
    parameters,
    bytes: parameters * 4,
    notes,
  };
}

/** Peak bytes by part; the sums of the least squares are scratch. */
function memoryOf(
  programs: ScorePrograms,
  { bytes, resident, obstacle, group }: RefitPlan,
  parts: readonly RefitPart[],
  { size, budget }: RefitRequest,
): MemoryEstimate {
  const { weights, hiddenStates, scratch } = bytes;
  const groups = Math.ceil(size.windows / group);
  const largestSums = parts.map(({ product }) => sumsBytes(product.inputs, product.outputs));
  return {
    ...bytes,
    logits: 0,
    total: weights + hiddenStates + scratch,
    largestBuffer: Math.max(largestWeight(programs), ...largestSums),
    budget,
    streaming: !resident,
    bytesRead: (resident ? 1 : runsOver(groups, parts)) * storedBytes(programs),
    ...(obstacle ? { obstacle: `${obstacle.message} ${obstacle.hint}` } : {}),
  };
}

/** How often the blocks run: again for every part where the states of all windows do not fit. */
function runsOver(groups: number, parts: readonly RefitPart[]): number {
  return groups === 1 ? 1 : groups * parts.length;
}

function secondsOf(
  { group }: RefitPlan,
  parts: readonly RefitPart[],
  { removed, size }: RefitRequest,
  { blockTokenSeconds, operationsPerSecond }: RefitSpeed,
): number {
  const last = parts.at(-1);
  if (!last) return 0;
  const tokens = size.windows * size.length;
  const again = group < size.windows ? parts.length : 1;
  const shared = Math.min(...removed.map(blockOf), blockOf(parts[0]!.unit));
  let blockRuns = again * (last.wanted.cut + last.at - shared);
  let operations = 0;
  for (const { product, bound } of parts) {
    const { inputs, outputs } = product;
    // Twice with the sums and the check; the sums are products of their own.
    blockRuns += 2 + (inputs ** 2 + inputs * outputs) / Math.max(1, multiplications(bound));
    operations += ridgeOperations(inputs, outputs);
  }
  return blockRuns * tokens * blockTokenSeconds + operations / operationsPerSecond;
}

/** Of a block for one token: the elements of its matrices. */
function multiplications({ weights }: BoundProgram): number {
  let sum = 0;
  for (const { dims, type, byteLength } of weights.values())
    if (dims.length > 1) sum += type === 'uint8' ? byteLength * 2 : elementCount(dims);
  return sum;
}

/** Inputs and outputs of the product whose solution is timed. */
const TIMED = { inputs: 768, outputs: 192 };

/** Multiplications and additions per second of the solutions on this machine; takes some 0.2 s. */
export async function timeSolution(): Promise<number> {
  let best = 0;
  // The first round finds the code still slow.
  for (let round = 0; round < 2; round++) {
    const sums = new RidgeSums(TIMED.inputs, TIMED.outputs);
    sums.gram.addToDiagonal(1);
    sums.cross.fill(1);
    const started = performance.now();
    await solveRidge(sums, 1, async () => {});
    const seconds = Math.max(1e-4, (performance.now() - started) / 1000);
    best = Math.max(best, ridgeOperations(TIMED.inputs, TIMED.outputs) / seconds);
  }
  return best;
}
