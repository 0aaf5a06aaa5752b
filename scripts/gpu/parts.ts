// The parts of the GPU benchmark, in the order in which they run. A further one is a file and a
// row; `report.ts` says which of its figures become ratios.

import { bandwidth } from './bandwidth.ts';
import { blockHalf, blockQuantized } from './block.ts';
import { curveOnCpu, curveOnGpu } from './curve.ts';
import { decodeFloat, decodeQuantized } from './decode.ts';
import { device } from './device.ts';
import { loraStep } from './lora.ts';
import type { Part } from './part.ts';
import { taylor } from './taylor.ts';

/** Tests the GPU; nothing else runs without it. */
export const FIRST = device;

export const PARTS: readonly Part[] = [
  FIRST,
  bandwidth,
  curveOnGpu,
  curveOnCpu,
  taylor,
  loraStep,
  decodeFloat,
  decodeQuantized,
  blockHalf,
  blockQuantized,
];

/** Seconds that all parts may take together. */
export const TOTAL_SECONDS = { full: 465, quick: 75 };
