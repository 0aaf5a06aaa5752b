// States what scoring will allocate before it starts; must not allocate.

import type { BoundProgram, ScorePrograms } from '../model/program.ts';
import type { DeviceKind, MemoryEstimate } from '../worker/api.ts';
import { rowsByMemory } from './warmup.ts';

export interface MemoryPlan {
  /** All weights stay on the device; otherwise blocks are loaded one after the other. */
  resident: boolean;
  /** Windows that are scored together. */
  group: number;
  /** Intact states stay for plans. */
  keepIntact: boolean;
  /** So do the states of the last plan: there is room for both. */
  keepPlans: boolean;
}

export interface Budget {
  /** Bytes of weights that may be held at once. */
  weights: number;
  /** Bytes of hidden states. */
  hidden: number;
}

/** What is taken when nobody says otherwise; the wasm device holds both in ordinary memory. */
export const DEFAULT_BUDGET: Budget = { weights: 6 * 2 ** 30, hidden: 2 * 2 ** 30 };

/** Bytes of the distinct ranges that the programs read, as the device rounds them. */
export function weightBytes(programs: readonly BoundProgram[], kind: DeviceKind): number {
  const seen = new Map<unknown, number>();
  for (const { weights } of programs)
    for (const { data, byteLength } of weights.values()) {
      const key = data instanceof Uint8Array ? data : `${data.file}:${data.offset}:${data.length}`;
      seen.set(key, kind === 'webgpu' ? Math.max(16, Math.ceil(byteLength / 16) * 16) : byteLength);
    }
  return [...seen.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** The cut states of a curve plus the two of the stream that is running. */
const states = (numBlocks: number): number => numBlocks + 3;

export function planMemory(programs: ScorePrograms, windows: number, length: number, kind: DeviceKind, budget: Budget): MemoryPlan {
  const state = stateBytes(programs, 1, length);
  const fits = Math.floor(budget.hidden / (state * states(programs.blocks.length)));
  const resident = weightBytes(all(programs), kind) <= budget.weights;
  const keepIntact = resident && fits >= windows;
  const keepPlans = keepIntact && budget.hidden >= state * windows * (states(programs.blocks.length) + programs.blocks.length);
  return { resident, group: Math.max(1, Math.min(windows, fits)), keepIntact, keepPlans };
}

/** Peak bytes by part. Scratch and logits are inside ONNX Runtime and estimated from shapes. */
export function estimateMemory(
  programs: ScorePrograms,
  windows: number,
  length: number,
  device: { kind: DeviceKind; maxBufferBytes: number },
  budget: Budget,
): MemoryEstimate {
  const plan = planMemory(programs, windows, length, device.kind, budget);
  const ends = [programs.embed, programs.head, ...(programs.side ? [programs.side] : [])];
  const blocks = programs.blocks.map((block) => weightBytes([block], device.kind));
  const weights = plan.resident ? weightBytes(all(programs), device.kind) : weightBytes(ends, device.kind) + Math.max(0, ...blocks);
  const rows = rowsByMemory(plan.group, length, programs.hiddenSize, programs.vocabSize, device.maxBufferBytes);
  const hiddenStates = stateBytes(programs, plan.group, length) * states(programs.blocks.length);
  const scratch = stateBytes(programs, rows.block, length) * 12;
  const logits = rows.head * (length - 1) * programs.vocabSize * 4 * 3;
  const largest = [programs.embed, programs.head, ...programs.blocks].flatMap(({ weights: w }) =>
    [...w.values()].map((ref) => ref.byteLength),
  );
  return {
    weights,
    hiddenStates,
    scratch,
    logits,
    total: weights + hiddenStates + scratch + logits,
    largestBuffer: Math.max(stateBytes(programs, rows.block, length), logits / 3, ...largest),
  };
}

function stateBytes(programs: ScorePrograms, rows: number, length: number): number {
  return rows * length * programs.hiddenSize * (programs.residualType === 'float16' ? 2 : 4);
}

function all(programs: ScorePrograms): BoundProgram[] {
  return [programs.embed, ...(programs.side ? [programs.side] : []), ...programs.blocks, programs.head];
}
