// Plans what scoring holds at once, so that it stays within a budget, and states it before it
// starts.

import type { DeviceKind } from '../../contract/device.ts';
import type { MemoryEstimate } from '../../contract/score.ts';
import { EspalierError } from '../../errors.ts';
import type { BoundProgram, ScorePrograms } from '../../model/programs/program.ts';
import { formatBytes } from '../../quantities.ts';
import { bufferLimit } from '../device/fault.ts';
import { LOGIT_COPIES, type RowLimits, rowsByMemory, type WindowShape } from './rows.ts';
import { allPrograms, largestWeight, stagesOf, storedBytes, weightBytes } from './stages.ts';

export interface MemoryPlan {
  /** All weights stay on the device; otherwise they are streamed from the files, stage by stage. */
  resident: boolean;
  /** While a stage runs, the next one is read: two are on the device. */
  prefetch: boolean;
  /** Windows that the curve scores together. */
  group: number;
  /**
   * Left-out blocks of one pass over the weights: all of them, unless not even one window has room
   * for that.
   */
  ablations: number;
  /** Windows that a plan scores together. */
  planGroup: number;
  /** States of the original stay for plans. */
  keepOriginal: boolean;
  /** So do the states of the last plan: there is room for both. */
  keepPlans: boolean;
  rows: RowLimits;
  /** Peak bytes by part. */
  bytes: { weights: number; hiddenStates: number; scratch: number; logits: number };
  /** Why this cannot be run, or null. */
  obstacle: EspalierError | null;
}

export interface MemoryDevice {
  kind: DeviceKind;
  maxBufferBytes: number;
}

/** One run cannot hold more on the CPU (wasm). */
const WASM_HEAP_BYTES = 4 * 2 ** 30;
/** States that a run needs beside those that stay: input, output, and the original's next one. */
const RUNNING = 3;

/** A model with changed weights that runs as well. */
export interface HealedRuns {
  programs: ScorePrograms;
  /** Stage by stage together with the original; otherwise, streamed, in its place. */
  together: boolean;
}

/**
 * The plan with the fewest passes over the weights that stays under `budget` bytes; `streamed`
 * leaves the resident one out. Where nothing fits, the smallest plan with an obstacle.
 */
export function planMemory(
  programs: ScorePrograms,
  shape: WindowShape,
  device: MemoryDevice,
  budget: number,
  streamed = false,
  healed: HealedRuns | null = null,
): MemoryPlan {
  const { windows } = shape;
  const n = programs.blocks.length;
  const state = stateBytes(programs, 1, shape.length);
  const weights = weightChoices(programs, device.kind, healed);
  const candidates = [
    // Runs that take their part of what is left beside the weights, before a model that fits is
    // streamed.
    ...(streamed
      ? []
      : [budget, budget - weights.resident].map((runs) => ({
          weights: weights.resident,
          resident: true,
          prefetch: false,
          runs,
        }))),
    { weights: weights.pair, resident: false, prefetch: true, runs: budget },
    { weights: weights.pair, resident: false, prefetch: true, runs: 0 },
    { weights: weights.single, resident: false, prefetch: false, runs: 0 },
  ].map((choice) => {
    const rows = rowsByMemory(programs, shape, device.maxBufferBytes, Math.max(0, choice.runs));
    const fits = Math.floor(
      (budget - choice.weights - rows.scratchBytes - rows.logitsBytes) / state,
    );
    const alive = shape.alive ?? n + RUNNING;
    const group = Math.max(1, Math.min(windows, Math.floor(fits / alive)));
    const ablations = Math.max(1, Math.min(n, Math.floor(fits / group) - RUNNING));
    const weightPasses = choice.resident
      ? 1
      : Math.ceil(windows / group) * Math.ceil(n / ablations);
    const possible = choice.resident ? fits >= alive : fits > RUNNING;
    return { ...choice, rows, fits, group, ablations, weightPasses, possible };
  });
  const possible = candidates.filter((candidate) => candidate.possible);
  const [best = candidates.at(-1)] = [...possible].sort((a, b) => a.weightPasses - b.weightPasses);
  if (!best) throw new EspalierError('bug', 'There is no memory plan.');
  const { resident, fits, group, ablations, rows } = best;
  const curveStates = ablations + RUNNING;
  // Streamed, the ablations are alive beside the states of the original; resident, one at a time.
  const heldStates = curveStates + (resident ? 0 : n);
  const keepOriginal = group >= windows && ablations === n && fits >= windows * heldStates;
  const keepPlans = keepOriginal && fits >= windows * (heldStates + n);
  const bytes = {
    weights: best.weights,
    hiddenStates: state * group * (keepOriginal ? heldStates : curveStates),
    scratch: Math.min(rows.block, group) * rows.scratchRowBytes,
    logits: rows.logitsBytes,
  };
  return {
    resident,
    prefetch: best.prefetch,
    group,
    ablations,
    planGroup: Math.max(1, Math.min(windows, Math.floor(fits / RUNNING))),
    keepOriginal,
    keepPlans,
    rows,
    bytes,
    obstacle:
      bufferObstacle(programs, rows, device) ??
      (possible.length > 0 ? null : tooLarge(bytes, budget)),
  };
}

/** Peak bytes by part. Scratch and logits are inside ONNX Runtime and estimated from shapes. */
export function estimateMemory(
  programs: ScorePrograms,
  windows: number,
  length: number,
  device: MemoryDevice,
  budget: number,
  streamed = false,
): MemoryEstimate {
  const plan = planMemory(programs, { windows, length }, device, budget, streamed);
  const { weights, hiddenStates, scratch, logits } = plan.bytes;
  const passes = plan.resident
    ? 1
    : Math.ceil(windows / plan.group) * Math.ceil(programs.blocks.length / plan.ablations);
  return {
    weights,
    hiddenStates,
    scratch,
    logits,
    total: weights + hiddenStates + scratch + logits,
    largestBuffer: Math.max(
      stateBytes(programs, plan.rows.block, length),
      logits / LOGIT_COPIES,
      largestWeight(programs),
    ),
    budget,
    streaming: !plan.resident,
    bytesRead: passes * storedBytes(programs),
    ...(plan.obstacle ? { obstacle: `${plan.obstacle.message} ${plan.obstacle.hint}` } : {}),
  };
}

/** Bytes of weights on the device: all, the two largest neighbours, the largest stage alone. */
function weightChoices(
  programs: ScorePrograms,
  kind: DeviceKind,
  healed: HealedRuns | null,
): { resident: number; pair: number; single: number } {
  const [first = programs, ...others] = streamedVariants(programs, healed);
  const { order, pinnedBytes, ownBytes } = stagesOf(first, kind, others);
  const own = order.map(ownBytes);
  // The head is followed by the embedding when another group of windows comes.
  const pairs = own.map((bytes, k) => bytes + (own[(k + 1) % own.length] ?? 0));
  return {
    resident: weightBytes(
      [programs, ...(healed ? [healed.programs] : [])].flatMap(allPrograms),
      kind,
    ),
    pair: pinnedBytes + Math.max(...pairs),
    single: pinnedBytes + Math.max(...own),
  };
}

/** What a stage loads when weights are streamed. */
export function streamedVariants(
  programs: ScorePrograms,
  healed: HealedRuns | null,
): readonly ScorePrograms[] {
  if (!healed) return [programs];
  return healed.together ? [programs, healed.programs] : [healed.programs];
}

function bufferObstacle(
  programs: ScorePrograms,
  rows: RowLimits,
  { kind, maxBufferBytes }: MemoryDevice,
): EspalierError | null {
  const weight = weightObstacle(allPrograms(programs), { kind, maxBufferBytes });
  if (weight) return weight;
  const logits = rows.logitsBytes / LOGIT_COPIES;
  if (logits <= maxBufferBytes) return null;
  return bufferLimit(
    'One window of logits',
    logits,
    maxBufferBytes,
    'Use shorter windows, or the CPU (wasm).',
  );
}

/** A weight that no single buffer can hold. */
export function weightObstacle(
  bounds: readonly BoundProgram[],
  { kind, maxBufferBytes }: MemoryDevice,
): EspalierError | null {
  // Tables above 2 GiB (256,000 words in float32) are longer than some typed arrays, but not than
  // the heap that runs them.
  const most = kind === 'wasm' ? WASM_HEAP_BYTES : maxBufferBytes;
  for (const { weights } of bounds)
    for (const ref of weights.values())
      if (ref.byteLength > most) return bufferLimit(`The weight ${ref.name}`, ref.byteLength, most);
  return null;
}

function tooLarge(bytes: MemoryPlan['bytes'], budget: number): EspalierError {
  const { weights, hiddenStates, scratch, logits } = bytes;
  const total = weights + hiddenStates + scratch + logits;
  const parts = [
    `${formatBytes(weights)} of weights`,
    `${formatBytes(hiddenStates)} of hidden states`,
    `${formatBytes(scratch)} of scratch`,
    `${formatBytes(logits)} of logits`,
  ];
  return new EspalierError(
    'too-large',
    `Even streamed from the files, this model needs ${formatBytes(total)} at once ` +
      `(${parts.join(', ')}), but the budget is ${formatBytes(budget)}.`,
    'Raise the memory budget, use shorter windows, or open a quantised graph of the model.',
  );
}

function stateBytes(programs: ScorePrograms, rows: number, length: number): number {
  return rows * length * programs.stateSize * (programs.residualType === 'float16' ? 2 : 4);
}
