// What a refit holds at once, and how long it takes, stated before it starts.

import { RidgeSums } from '../../analysis/algebra/ridge.ts';
import type { DeviceKind } from '../../contract/device.ts';
import type { WindowSize } from '../../contract/runTimes.ts';
import { EspalierError } from '../../errors.ts';
import type { RefitProduct } from '../../grad/refit/product.ts';
import { gramBytes } from '../../grad/sums/gram.ts';
import type { BoundProgram, ScorePrograms } from '../../model/programs/program.ts';
import { formatBytes } from '../../quantities.ts';
import type { MemoryDevice } from '../weights/memory.ts';
import { rowsByMemory } from '../weights/rows.ts';
import { allPrograms, stagesOf, weightBytes } from '../weights/stages.ts';
import type { RefitPart } from './refitParts.ts';
import { STATES_ALIVE } from './refitStates.ts';

export interface RefitPlan {
  resident: boolean;
  prefetch: boolean;
  /** Windows whose states are held together. */
  group: number;
  /** Most windows of one run. */
  rows: number;
  bytes: { weights: number; hiddenStates: number; scratch: number };
  obstacle: EspalierError | null;
}

/** The programs that a refit runs: the head is not among them, nor are its weights. */
export function withoutHead(programs: ScorePrograms): ScorePrograms {
  // In a copy, programs would be made that nothing reads: they are made on first access.
  const head: BoundProgram = { ...programs.embed, weights: new Map() };
  return Object.create(programs, { head: { value: head } }) as ScorePrograms;
}

/** Copies of the matrix in float32: as it was, as it is stored, as the program reads it. */
const MATRICES = 3;

/** Bytes of the sums of a product, of what a device gives for one run, and of its matrices. */
export function workBytes({ inputs, outputs }: Pick<RefitProduct, 'inputs' | 'outputs'>): number {
  return (
    RidgeSums.bytes(inputs, outputs) + sumsBytes(inputs, outputs) + MATRICES * inputs * outputs * 4
  );
}

/** A refitted matrix as it is stored and as its program reads it. */
const RESULTS = 2;

/** Bytes of the matrices that a refit has made in the end, float32. */
function resultBytes(parts: readonly RefitPart[]): number {
  const elements = parts.reduce((sum, { product }) => sum + product.inputs * product.outputs, 0);
  return RESULTS * 4 * elements;
}

/** Bytes of the sums of one run, which a device gives back in float32. */
export function sumsBytes(inputs: number, outputs: number): number {
  return gramBytes(inputs) + (inputs * outputs + outputs) * 4;
}

/** How the weights may lie on the device, from the fastest way to the smallest. */
function weightChoices(programs: ScorePrograms, kind: DeviceKind) {
  const stages = stagesOf(programs, kind);
  const own = stages.order.map(stages.ownBytes);
  const pairs = own.map((bytes, k) => bytes + (own[k + 1] ?? 0));
  return [
    { resident: true, prefetch: false, weights: weightBytes(allPrograms(programs), kind) },
    { resident: false, prefetch: true, weights: stages.pinnedBytes + Math.max(...pairs) },
    { resident: false, prefetch: false, weights: stages.pinnedBytes + Math.max(...own) },
  ];
}

/**
 * The fastest plan within `budget` bytes: the states of all windows are held if they can be, and
 * then the weights. Where nothing fits, the smallest plan with an obstacle.
 */
export function planRefit(
  programs: ScorePrograms,
  parts: readonly RefitPart[],
  { windows, length }: WindowSize,
  device: MemoryDevice,
  budget: number,
): RefitPlan {
  const sums = Math.max(0, ...parts.map(({ product }) => workBytes(product)));
  const work = sums + resultBytes(parts);
  const state = STATES_ALIVE * length * programs.stateSize * 4;
  const plans = weightChoices(programs, device.kind).flatMap(({ weights, ...choice }) => {
    const left = Math.max(0, budget - weights - work);
    return [left, 0].map((runs): RefitPlan => {
      const rows = rowsByMemory(programs, { windows, length }, device.maxBufferBytes, runs);
      // The inputs of the product are copied beside the block's own values.
      const scratch = 2 * rows.scratchBytes;
      const fitting = Math.floor((left - scratch) / state);
      const group = Math.max(1, Math.min(windows, fitting));
      const bytes = { weights, hiddenStates: state * group, scratch: scratch + work };
      const obstacle = fitting < 1 ? tooLarge(bytes, sums, budget) : null;
      return { ...choice, group, rows: rows.block, bytes, obstacle };
    });
  });
  const possible = plans.filter(({ obstacle }) => obstacle === null);
  const [best = plans.at(-1)!] = [...possible].sort((a, b) => b.group - a.group);
  return best;
}

function tooLarge(
  { weights, hiddenStates, scratch }: RefitPlan['bytes'],
  sums: number,
  budget: number,
): EspalierError {
  return new EspalierError(
    'too-large',
    `Refitting this model needs ${formatBytes(weights + hiddenStates + scratch)} at once ` +
      `(${formatBytes(weights)} of weights, ${formatBytes(hiddenStates)} of hidden states, ` +
      `${formatBytes(scratch)} for one product and the matrices that are made, of which ` +
      `${formatBytes(sums)} are the sums of its least squares), but the budget is ${formatBytes(budget)}.`,
    'Raise the memory budget, or use shorter windows.',
  );
}
