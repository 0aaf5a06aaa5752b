// The inner loops of quantising, in WebAssembly with SIMD (tools/blockwise.c), and how blocks come
// into its memory and out of it.

import type { Blocks } from './blocks.ts';
import { blocksAtOnce } from './form.ts';
import { KERNEL_BYTES } from './kernelBytes.ts';

/** Values, bytes and blocks that its memory has room for. */
const [VALUES, BLOCKS, STEPS] = [65536, 256, 20];

/** Memory and functions by their names in the source, which says what they are. */
export interface Kernel {
  values: Float32Array;
  halves: Uint16Array;
  packed: Uint8Array;
  packedWords: Int32Array;
  high: Float32Array;
  low: Float32Array;
  inverse: Float32Array;
  zero: Float32Array;
  size: Int32Array;
  weights: Float32Array;
  limits: Float32Array;
  errors: Float64Array;
  widen(count: number): void;
  turn(count: number, block: number, pitch: number): void;
  ranges(count: number, length: number, block: number, pitch: number): void;
  roundAll(
    count: number,
    length: number,
    block: number,
    bits: number,
    pitch: number,
    even: number,
  ): void;
  hqq(
    count: number,
    block: number,
    bits: number,
    pitch: number,
    steps: number,
    whole: number,
  ): void;
}

let made: Kernel | null = null;

/** Nothing is kept in its memory from one call to the next, so one serves all. */
export function kernel(): Kernel {
  if (made) return made;
  const bytes = Uint8Array.from(atob(KERNEL_BYTES), (character) => character.charCodeAt(0));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    env: { power: Math.pow },
  });
  const { buffer } = exports.memory as WebAssembly.Memory;
  const at = (name: string): number => (exports[name] as WebAssembly.Global).value;
  const floats = (name: string, count: number) => new Float32Array(buffer, at(name), count);
  const run = <Name extends keyof Kernel>(name: Name) => exports[name] as Kernel[Name];
  made = {
    values: floats('values', VALUES),
    halves: new Uint16Array(buffer, at('halves'), VALUES),
    packed: new Uint8Array(buffer, at('packed'), VALUES),
    packedWords: new Int32Array(buffer, at('packed'), VALUES / 4),
    high: floats('high', BLOCKS),
    low: floats('low', BLOCKS),
    inverse: floats('inverse', BLOCKS),
    zero: floats('zero', BLOCKS),
    size: new Int32Array(buffer, at('size'), BLOCKS),
    weights: floats('weights', STEPS),
    limits: floats('limits', STEPS),
    errors: new Float64Array(buffer, at('errors'), STEPS),
    widen: run('widen'),
    turn: run('turn'),
    ranges: run('ranges'),
    roundAll: run('roundAll'),
    hqq: run('hqq'),
  };
  return made;
}

/** Blocks into its values, with zeros up to whole blocks. @returns the pitch there, 0 for none */
export function loadBlocks(blocks: Blocks, block: number): number {
  const { values, from, count, length, pitch } = blocks;
  const { values: floats, halves, widen } = kernel();
  const half = values instanceof Uint16Array;
  const target = half ? halves : floats;
  const there = pitch === 0 ? 0 : blocksAtOnce(block);
  let filled = (count - 1) * block + length;
  if (there === 0) {
    target.set(values.subarray(from, from + filled));
    target.fill(0, filled, count * block);
    filled = count * block;
  } else {
    const width = (count + 3) & ~3;
    for (let k = 0; k < length; k++) {
      const start = from + k * pitch;
      target.set(values.subarray(start, start + count), k * there);
      if (width > count) target.fill(0, k * there + count, k * there + width);
    }
    target.fill(0, length * there, block * there);
    filled = block * there;
  }
  if (half) widen(filled);
  return there;
}

/** Value k of block b. */
export const loaded = (k: number, b: number, block: number, pitch: number): number =>
  kernel().values[pitch === 0 ? b * block + k : k * pitch + b]!;

/**
 * The first `used` bytes of each packed block: of the first to `byte`, of each next one `bytes`
 * further on.
 */
export function storeBlocks(
  weights: Uint8Array,
  byte: number,
  bytes: number,
  count: number,
  blockBytes: number,
  used: number,
): void {
  const { packed, packedWords } = kernel();
  if (bytes === blockBytes || count === 1) {
    weights.set(packed.subarray(0, (count - 1) * blockBytes + used), byte);
    return;
  }
  if ((byte | bytes | used | weights.length) % 4 !== 0) {
    for (let b = 0; b < count; b++)
      weights.set(packed.subarray(b * blockBytes, b * blockBytes + used), byte + b * bytes);
    return;
  }
  const words = new Int32Array(weights.buffer, weights.byteOffset, weights.length / 4);
  for (let b = 0; b < count; b++) {
    const from = (b * blockBytes) / 4;
    const to = (byte + b * bytes) / 4;
    for (let k = 0; k < used / 4; k++) words[to + k] = packedWords[from + k]!;
  }
}
