// Plans what a backward pass holds at once, so that it stays within a budget, and states it before
// it starts.

import type { DeviceKind } from '../../contract/device.ts';
import type { MemoryEstimate } from '../../contract/score.ts';
import { EspalierError } from '../../errors.ts';
import type { GradientPrograms } from '../../grad/gradientPrograms.ts';
import type { RunShape } from '../../grad/shapes/programInputs.ts';
import type { ScorePrograms } from '../../model/programs/program.ts';
import { formatBytes } from '../../quantities.ts';
import type { MemoryDevice } from '../weights/memory.ts';
import {
  allPrograms,
  largestWeight,
  stagesOf,
  storedBytes,
  weightBytes,
} from '../weights/stages.ts';
import type { HeadLimits } from './backwardPass.ts';

/** Logits, probabilities, their gradient, and what the gradient of the logits passes through. */
const LOGIT_COPIES = 6;
/** Logits of one run of the head with its copies stay under this. */
const HEAD_BYTES = 384 * 2 ** 20;
/** Values of one run of a block stay under this where a smaller run will do. */
const RUN_BYTES = 2 ** 30;
/** Of a small budget, a run of the head takes at most one part in this many. */
const PART = 4;

export interface GradientPlan {
  /** All weights stay on the device. */
  resident: boolean;
  /** The next block is read while one runs. */
  prefetch: boolean;
  /** Windows in one run of a block. */
  rows: number;
  head: HeadLimits;
  bytes: Pick<MemoryEstimate, 'weights' | 'hiddenStates' | 'scratch' | 'logits'>;
  /** Why this cannot be run, or null. */
  obstacle: EspalierError | null;
}

export interface GradientShape {
  windows: number;
  /** Tokens of the longest one. */
  length: number;
}

/** Programs for runs of so many windows. */
export type MakeGradients = (rows: number) => GradientPrograms;

/**
 * The plan that reads the weights least often and runs the most windows at once, within `budget`
 * bytes. Where nothing fits, the smallest one with an obstacle.
 */
export function planGradients(
  programs: ScorePrograms,
  make: MakeGradients,
  { windows, length }: GradientShape,
  device: MemoryDevice,
  budget: number,
): GradientPlan {
  const { kind } = device;
  const stages = stagesOf(programs, kind);
  const own = stages.order.map(stages.ownBytes);
  const pairs = own.map((bytes, k) => bytes + (own[k + 1] ?? 0));
  const state = windows * length * programs.stateSize * 4;
  // Those at the cuts, and the gradient before and after a block.
  const hiddenStates = state * (programs.blocks.length + 2);
  const head = headLimits(programs, windows, length, budget / PART, device.maxBufferBytes);
  const positions = head.tokens ?? head.rows * (length - 1);
  const logits = positions * programs.vocabSize * 4 * LOGIT_COPIES;
  const choices = [
    { resident: true, prefetch: false, weights: weightBytes(allPrograms(programs), kind) },
    { resident: false, prefetch: true, weights: stages.pinnedBytes + Math.max(...pairs) },
    { resident: false, prefetch: false, weights: stages.pinnedBytes + Math.max(...own) },
  ];
  const sizes = rowChoices(windows, programs.rowsInteract);
  const known = new Map<number, number>();
  const cost = (rows: number): number => {
    const bytes = known.get(rows) ?? runBytes(make, programs, { rows, length }, kind);
    known.set(rows, bytes);
    return bytes;
  };
  const planOf = (choice: (typeof choices)[number], rows: number): GradientPlan => {
    const scratch = cost(rows);
    const bytes = { weights: choice.weights, hiddenStates, scratch, logits };
    // The head and the blocks do not run at the same time.
    const total = choice.weights + hiddenStates + Math.max(scratch, logits);
    const { resident, prefetch } = choice;
    const obstacle = total <= budget ? null : tooLarge(bytes, budget);
    return { resident, prefetch, rows, head, bytes, obstacle };
  };
  for (const choice of choices)
    for (const rows of sizes) {
      if (rows > 1 && cost(rows) > RUN_BYTES) continue;
      const plan = planOf(choice, rows);
      if (plan.obstacle === null) return plan;
    }
  return planOf(choices.at(-1)!, 1);
}

/** Peak bytes by part, before the job. */
export function gradientMemory(
  programs: ScorePrograms,
  { bytes, resident, obstacle }: GradientPlan,
  budget: number,
): MemoryEstimate {
  const { weights, hiddenStates, scratch, logits } = bytes;
  return {
    ...bytes,
    total: weights + hiddenStates + Math.max(scratch, logits),
    largestBuffer: Math.max(logits / LOGIT_COPIES, largestWeight(programs)),
    budget,
    streaming: !resident,
    // Once forward and once backward.
    bytesRead: (resident ? 1 : 2) * storedBytes(programs),
    ...(obstacle ? { obstacle: `${obstacle.message} ${obstacle.hint}` } : {}),
  };
}

/** Numbers of windows in a run, largest first, which divide all windows evenly. */
function rowChoices(windows: number, single: boolean): number[] {
  if (single) return [1];
  const sizes = Array.from({ length: windows }, (_, k) => Math.ceil(windows / (k + 1)));
  return [...new Set(sizes)];
}

/**
 * Of the block that takes most: values, the sums of its weight gradients, and weights that it reads
 * in another form besides, such as the floats of 4-bit integers.
 */
function runBytes(
  make: MakeGradients,
  programs: ScorePrograms,
  run: RunShape,
  kind: DeviceKind,
): number {
  const gradients = make(run.rows);
  let most = 0;
  const seen = new Set<string>();
  for (const [at, block] of programs.blocks.entries()) {
    if (seen.has(block.program.id)) continue;
    seen.add(block.program.id);
    const { taps, scratchBytes, bound, scoring } = gradients.block(at, run);
    const sums = taps.flatMap(({ parts }) => parts.map(({ dims }) => elements(dims) * 4));
    const all = [block, bound, ...(scoring ? [scoring] : [])];
    const otherForms = weightBytes(all, kind) - weightBytes([block], kind);
    most = Math.max(most, scratchBytes + otherForms + sums.reduce((a, b) => a + b, 0));
  }
  return most;
}

const elements = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

/**
 * Rows, or positions of one row, whose logits fit in all their copies.
 * @param most bytes of a run of the head
 */
export function headLimits(
  { vocabSize, headByPosition, rowsInteract }: ScorePrograms,
  windows: number,
  length: number,
  most: number,
  maxBufferBytes: number,
  copies = LOGIT_COPIES,
): HeadLimits {
  const bytes = Math.min(HEAD_BYTES, most);
  const ofToken = vocabSize * 4;
  const tokens = Math.max(
    1,
    Math.min(Math.floor(bytes / (ofToken * copies)), Math.floor(maxBufferBytes / ofToken)),
  );
  if (rowsInteract) return { rows: 1, tokens: null };
  if (tokens >= length - 1 || !headByPosition)
    return {
      rows: Math.max(1, Math.min(windows, Math.floor(tokens / (length - 1)))),
      tokens: null,
    };
  return { rows: 1, tokens };
}

function tooLarge(bytes: GradientPlan['bytes'], budget: number): EspalierError {
  const { weights, hiddenStates, scratch, logits } = bytes;
  const total = weights + hiddenStates + Math.max(scratch, logits);
  return new EspalierError(
    'too-large',
    `The gradients of this model need ${formatBytes(total)} at once ` +
      `(${formatBytes(weights)} of weights, ${formatBytes(hiddenStates)} of hidden states, ` +
      `${formatBytes(Math.max(scratch, logits))} for one run), but the budget is ` +
      `${formatBytes(budget)}.`,
    'Raise the memory budget, or use fewer or shorter windows.',
  );
}
