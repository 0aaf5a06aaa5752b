// What GPTQ holds at once and how much it computes, stated before it starts.

import { factorBytes } from '../../../analysis/algebra/gptq.ts';
import type { WindowSize } from '../../../contract/runTimes.ts';
import type { MemoryEstimate } from '../../../contract/score.ts';
import { EspalierError } from '../../../errors.ts';
import { gramBytes } from '../../../grad/sums/gram.ts';
import type { ScorePrograms } from '../../../model/programs/program.ts';
import { fitted } from '../../../model/programs/widen.ts';
import type { QuantisableMatrix } from '../../../model/quantise/matrices.ts';
import { formatBytes } from '../../../quantities.ts';
import type { Unit } from '../../../units.ts';
import { type MemoryDevice, weightObstacle } from '../../weights/memory.ts';
import { rowsByMemory } from '../../weights/rows.ts';
import { sidePrograms, weightBytes } from '../../weights/stages.ts';
import { packedBytes } from './gptqMatrix.ts';
import { plainNotes, timeNotes } from './gptqNotes.ts';
import { type GptqGroup, type GptqPart, gptqParts } from './gptqParts.ts';

export interface GptqRequest {
  programs: ScorePrograms;
  /** The plan; units as `sortUnits` orders them. */
  removed: readonly Unit[];
  /** Those to quantise, of the blocks alone. */
  matrices: readonly QuantisableMatrix[];
  /** Inputs that share a scale. */
  block: number;
  /** The calibration windows. */
  size: WindowSize;
  device: MemoryDevice;
  /** Bytes that may be taken together. */
  budget: number;
}

export interface GptqPlan {
  /** Windows whose states are held together. */
  group: number;
  /** Windows of one run. */
  rows: number;
  bytes: { weights: number; hiddenStates: number; scratch: number };
  obstacle: EspalierError | null;
}

export interface GptqEstimate {
  /**
   * Peak bytes by part; sums, their factor and the matrices that are made are scratch. Weights are
   * read block by block.
   */
  memory: MemoryEstimate;
  /** Multiplications and additions in float64 on one core. */
  operations: number;
  /** What is quantised in another way, and what takes long; sentences. */
  notes: string[];
}

/** Tokens of one run: the sums are the same whatever the speed of the device. */
const RUN_TOKENS = 256;

/** Reads no weights. */
export function estimateGptq(request: GptqRequest): GptqEstimate {
  const programs = fitted(request.programs, false);
  const { parts, plain } = gptqParts({ ...request, programs });
  const { budget, size } = request;
  const plan = planGptq({ ...request, programs }, parts);
  const { weights, hiddenStates, scratch } = plan.bytes;
  const groups = Math.ceil(size.windows / plan.group);
  const largest = parts.flatMap(({ bound }) => [...bound.weights.values()]);
  const inputs = parts.flatMap((part) => part.groups.map((group) => group.inputs));
  const memory: MemoryEstimate = {
    weights,
    hiddenStates,
    scratch,
    logits: 0,
    total: weights + hiddenStates + scratch,
    largestBuffer: Math.max(
      0,
      ...largest.map(({ byteLength }) => byteLength),
      ...inputs.map((count) => gramBytes(count)),
    ),
    budget,
    streaming: true,
    bytesRead: weightBytes(
      parts.map(({ bound }) => bound),
      request.device.kind,
    ),
    ...(plan.obstacle ? { obstacle: `${plan.obstacle.message} ${plan.obstacle.hint}` } : {}),
  };
  const notes = plainNotes(plain);
  if (groups > 1)
    notes.push(
      `The hidden states of ${plan.group} of ${size.windows} calibration windows fit into the ` +
        'memory budget at a time, so GPTQ runs the model again from the start for every matrix.',
    );
  const operations = operationsOf(parts);
  notes.push(...timeNotes(operations));
  return { memory, operations, notes };
}

/** A Cholesky factor, and every column spread over those after it. */
function operationsOf(parts: readonly GptqPart[]): number {
  let sum = 0;
  for (const { inputs, matrices } of parts.flatMap(({ groups }) => groups)) {
    sum += inputs ** 3 / 3;
    for (const { outputs } of matrices) sum += outputs * inputs ** 2;
  }
  return sum;
}

/** The plan that holds the states of as many windows as it can; with an obstacle if of none. */
export function planGptq(
  { programs, size, device, budget, block }: Omit<GptqRequest, 'matrices' | 'removed'>,
  parts: readonly GptqPart[],
): GptqPlan {
  const { windows, length } = size;
  const side = weightBytes(sidePrograms(programs), device.kind);
  const { weights: most, work } = largest(stagesOf(programs, parts, { block, device }));
  const weights = side + most;
  const left = Math.max(0, budget - weights - work);
  const limits = rowsByMemory(programs, size, device.maxBufferBytes, left);
  const rows = Math.max(1, Math.min(limits.block, Math.floor(RUN_TOKENS / length)));
  const state = length * programs.stateSize * 4;
  // What a run computes, what a product reads beside it, and the states before and after it.
  const runs = 2 * rows * limits.scratchRowBytes + 2 * rows * state;
  const group = Math.max(1, Math.min(windows, Math.floor((left - runs) / state)));
  const bytes = { weights, hiddenStates: state * group, scratch: runs + work };
  const fits = weights + work + runs + state <= budget;
  const bounds = [programs.embed, ...parts.map(({ bound }) => bound)];
  const obstacle =
    weightObstacle(bounds, device) ?? (fits ? null : tooLarge(bytes, parts, block, budget));
  return { group, rows, bytes, obstacle };
}

/** What is held at a time besides hidden states and runs: weights on the device, and on the host. */
interface GptqStage {
  weights: number;
  work: number;
}

const largest = (stages: readonly GptqStage[]): GptqStage =>
  stages.reduce((a, b) => (a.weights + a.work < b.weights + b.work ? b : a));

/**
 * The embedding; of each part the sums of its groups, each beside the matrices that are made of it
 * by then, and the run with all of them; beside what earlier parts have come to.
 */
function stagesOf(
  { embed }: ScorePrograms,
  parts: readonly GptqPart[],
  { block, device }: Pick<GptqRequest, 'block' | 'device'>,
): GptqStage[] {
  const bytesOf = (bound: GptqPart['bound']): number => weightBytes([bound], device.kind);
  const floats = (matrices: readonly { outputs: number; inputs: number }[]): number =>
    matrices.reduce((sum, { outputs, inputs }) => sum + outputs * inputs * 4, 0);
  const stages: GptqStage[] = [{ weights: bytesOf(embed), work: 0 }];
  let results = 0;
  for (const { bound, groups, shared } of parts) {
    const all = bytesOf(bound);
    let made = floats(shared);
    let later = floats(groups.flatMap(({ matrices }) => matrices));
    for (const group of groups) {
      stages.push({ weights: all - later, work: made + groupBytes(group, block) + results });
      made += floats(group.matrices);
      later -= floats(group.matrices);
      for (const { outputs, inputs } of group.matrices)
        results += packedBytes(outputs, inputs, block);
    }
    stages.push({ weights: all, work: made + results });
  }
  return stages;
}

/** Of a group: its sums with those of one run, or its factor with one of its matrices. */
export function groupBytes({ inputs, matrices }: GptqGroup, block: number): number {
  const values = Math.max(...matrices.map(({ outputs }) => outputs * inputs * 4));
  return factorBytes(inputs, block) + Math.max(2 * gramBytes(inputs), values);
}

function tooLarge(
  { weights, hiddenStates, scratch }: GptqPlan['bytes'],
  parts: readonly GptqPart[],
  block: number,
  budget: number,
): EspalierError {
  const groups = parts.flatMap((part) => part.groups);
  const most = Math.max(0, ...groups.map(({ inputs }) => inputs));
  return new EspalierError(
    'too-large',
    `GPTQ of this model needs ${formatBytes(weights + hiddenStates + scratch)} at once ` +
      `(${formatBytes(weights)} of weights, ${formatBytes(hiddenStates)} of hidden states, ` +
      `${formatBytes(scratch)} for the statistics and the matrices that are made: a product of ` +
      `${most} inputs alone takes ${formatBytes(factorBytes(most, block))}), but the budget is ` +
      `${formatBytes(budget)}.`,
    'Raise the memory budget, use shorter calibration windows, or take RTN or HQQ, which need no ' +
      'statistics.',
  );
}
