// What the runtimes that an export is made for take of matrices in few bits: what has no kernel,
// what is slow, what is ignored, and what to choose instead.

import type { QuantiseSettings } from './quantisation.ts';

/**
 * Where an export runs. In a browser transformers.js runs everything, `device: 'wasm'` too, by the
 * build of ONNX Runtime Web that has WebGPU, whose CPU part lacks kernels of the plain one.
 */
const TARGETS = {
  webgpu: 'ONNX Runtime Web on WebGPU (transformers.js)',
  'transformers-wasm': "transformers.js with device 'wasm'",
  wasm: 'ONNX Runtime Web on the CPU (plain wasm build)',
  cpu: 'ONNX Runtime on the CPU (onnxruntime-node, onnxruntime-genai)',
  cuda: 'ONNX Runtime on CUDA (onnxruntime-genai)',
} as const;
export type Target = keyof typeof TARGETS;

/** `fails`: no kernel takes it; `slow`: right, at a cost; `ignored`: has no effect. */
type TargetEffect = 'fails' | 'slow' | 'ignored';

export interface TargetNote {
  id: 'float-zeros' | 'table' | 'odd-table' | 'accuracy-level';
  effect: TargetEffect;
  targets: readonly Target[];
  /** What happens there, as a sentence. */
  sentence: string;
  /** What to choose instead, as a sentence. */
  alternative: string;
}

/** What of a quantisation the runtimes look at. */
export interface TargetForm {
  settings: Pick<
    QuantiseSettings,
    'method' | 'bits' | 'floatZeros' | 'symmetric' | 'accuracyLevel'
  >;
  /**
   * The table that token ids are looked up in, where it gets few bits: its bits and the blocks in a
   * row; null where it stays as it is.
   */
  table: { bits: 4 | 8; blocks: number; zeros: boolean } | null;
}

interface Row extends TargetNote {
  applies(form: TargetForm): boolean;
}

/**
 * Measured with ONNX Runtime 1.30 against a float64 product: bits 4 and 8, blocks 16 to 256, zero
 * points none, uint8 and float, float32 and float16 activations, K that is no multiple of the block
 * and smaller than it, odd N, one row and many. All that is not listed is right everywhere. CUDA is
 * as its sources say.
 */
const ROWS: readonly Row[] = [
  {
    id: 'float-zeros',
    effect: 'slow',
    targets: ['webgpu'],
    applies: hasFloatZeros,
    sentence:
      'WebGPU has no kernel for zero points that are floats: each product is computed on the ' +
      'CPU, and its input and output are copied there and back.',
    alternative: 'Let the zero points be rounded.',
  },
  {
    id: 'float-zeros',
    effect: 'slow',
    targets: ['cpu', 'cuda'],
    applies: hasFloatZeros,
    sentence:
      'Where zero points are floats, the whole matrix is made floats again for every token, ' +
      'which takes many times as long.',
    alternative: 'Let the zero points be rounded.',
  },
  {
    id: 'table',
    effect: 'fails',
    targets: ['transformers-wasm'],
    applies: ({ table }) => table !== null,
    sentence:
      'The builds of ONNX Runtime Web that have WebGPU cannot look tokens up in a table of few ' +
      'bits (GatherBlockQuantized) on the CPU: the model does not load there.',
    alternative: 'Keep the embedding as it is, or run it on WebGPU.',
  },
  {
    id: 'odd-table',
    effect: 'fails',
    targets: ['webgpu'],
    applies: ({ table }) => table?.bits === 4 && table.zeros && table.blocks % 2 === 1,
    sentence:
      'WebGPU refuses a table of 4 bits with zero points whose rows are an odd number of blocks ' +
      '(GatherBlockQuantized).',
    alternative: 'Take 8 bits for the embedding, no zero points (symmetric), or a smaller block.',
  },
  {
    id: 'accuracy-level',
    effect: 'ignored',
    targets: ['wasm', 'transformers-wasm', 'cuda'],
    applies: ({ settings }) => settings.accuracyLevel === 4,
    sentence:
      'Accuracy level 4 has no effect: products are computed with the activations as they are.',
    alternative: 'Take level 0 where the model runs nowhere else.',
  },
];

function hasFloatZeros({ settings: { method, bits, floatZeros } }: TargetForm): boolean {
  return method === 'hqq' && bits === 4 && floatZeros;
}

/** What a quantisation meets on these targets, all by default; the worst first. */
export function targetNotes(
  form: TargetForm,
  targets: readonly Target[] = Object.keys(TARGETS) as Target[],
): TargetNote[] {
  return ROWS.flatMap(({ applies, ...note }) => {
    const met = note.targets.filter((target) => targets.includes(target));
    return met.length > 0 && applies(form) ? [{ ...note, targets: met }] : [];
  }).sort((a, b) => EFFECTS.indexOf(a.effect) - EFFECTS.indexOf(b.effect));
}

const EFFECTS: readonly TargetEffect[] = ['fails', 'slow', 'ignored'];

/** A note as one text: where, what happens, what to do. */
export function noteText({ targets, sentence, alternative }: TargetNote): string {
  return `${targets.map((target) => TARGETS[target]).join('; ')}: ${sentence} ${alternative}`;
}
