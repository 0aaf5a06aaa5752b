// The transforms of derived bytes, by name: each knows the length of its result beforehand and
// produces any range of it in bounded memory.

import { EspalierError } from '../errors.ts';
import { HALF_MAX, narrowed, widened } from './half.ts';
import type { ByteSource, Derivation } from './source.ts';
import { blockwiseSource } from './transforms/dequantise.ts';
import { floatsLength, quantisedLength } from './transforms/form.ts';
import { linearLength, linearQuantised, linearValues } from './transforms/linear.ts';
import { lowRankSource } from './transforms/lowRank.ts';
import { quantisedSource } from './transforms/quantise.ts';
import { rotaryCache } from './transforms/rotary.ts';
import { floatsOf, sourceInto } from './transforms/rows.ts';
import { bfloatNarrowed, bfloatWidened } from './transforms/stored/bfloat16.ts';
import {
  eightBits,
  eightBitsLength,
  integersLength,
  storedFloats,
  storedFloatsLength,
  storedIntegers,
} from './transforms/stored/convert.ts';
import { reorderedSource } from './transforms/stored/reorder.ts';
import { takenLength, takenSource } from './transforms/taken.ts';
import { transposedSource } from './transforms/transpose.ts';

type Parameters = Derivation['parameters'];

/** A transform. It has no state; the source that `open` returns may have. */
export interface Transform {
  /** Number of bytes of the result, from those of the sources. */
  length(sources: readonly number[], parameters: Parameters): number;
  /**
   * The result as a source. Reads may come in any order and concurrently; one sequential pass
   * should read every byte of the sources once. Memory is bounded, whatever the length.
   * @param label what is computed, for messages.
   */
  open(sources: readonly ByteSource[], parameters: Parameters, label: string): ByteSource;
  /** Present where element k of the result depends on element k of the one source alone. */
  elementwise?: Elementwise;
}

interface Elementwise {
  /** Bytes of an element of the source and of the result. */
  from: number;
  to: number;
  /** Whole elements to whole elements. @param label as in `Transform.open` */
  convert(bytes: Uint8Array, parameters: Parameters, label: string): Uint8Array<ArrayBuffer>;
}

/** Elements converted at a time. */
const STEP_ELEMENTS = 2 ** 20;

function perElement(elementwise: Elementwise): Transform {
  const { from, to, convert } = elementwise;
  return {
    elementwise,
    length: ([bytes = 0]) => (bytes / from) * to,
    open([source], parameters, label) {
      if (!source) throw new EspalierError('bug', `${label} has nothing to be computed from.`);
      const readInto = async (offset: number, target: Uint8Array): Promise<void> => {
        for (let done = 0; done < target.length; ) {
          const first = Math.floor((offset + done) / to);
          const last = Math.ceil((offset + target.length) / to);
          const count = Math.min(last - first, STEP_ELEMENTS);
          const read = await source.read(first * from, count * from);
          const bytes = convert(read, parameters, label);
          const skip = offset + done - first * to;
          const part = bytes.subarray(skip, skip + target.length - done);
          target.set(part, done);
          done += part.length;
        }
      };
      return sourceInto((source.size / from) * to, readInto);
    },
  };
}

const TRANSFORMS = {
  /**
   * Rounded to the nearest, ties to even. Values that float16 has no number for are refused, or
   * with the parameter `mask` become those of an attention mask.
   */
  'float32-to-float16': perElement({
    from: 4,
    to: 2,
    convert: (bytes, { mask }, label) =>
      narrowed(bytes, (value) => (mask ? maskValue : refuseHalf)(label, value)),
  }),
  /** Exact. */
  'float16-to-float32': perElement({ from: 2, to: 4, convert: widened }),
  /** As they are: bytes in memory that are written beside the graph like other weights. */
  'as-they-are': perElement({ from: 1, to: 1, convert: (bytes) => bytes.slice() }),
  /**
   * Blocks of integers (weights, scales and maybe zero points, as MatMulNBits and
   * GatherBlockQuantized store them; see form.ts) as the floats that are multiplied with.
   */
  'blockwise-to-floats': {
    length: (_, parameters) => floatsLength(parameters),
    open: blockwiseSource,
  },
  /** A matrix of floats as those blocks: weights, scales and zero points; see quantise.ts. */
  'floats-to-blockwise': {
    length: (_, parameters) => quantisedLength(parameters),
    open: quantisedSource,
  },
  /** The integers of DequantizeLinear as float32, and back; see linear.ts. */
  'linear-to-float32': {
    length: (_, { rows, columns }) => Number(rows) * Number(columns) * 4,
    open: linearValues,
  },
  'float32-to-linear': {
    length: (_, parameters) => linearLength(parameters),
    open: linearQuantised,
  },
  /** A float32 matrix with a product of two thin ones added; see lowRank.ts. */
  'low-rank-added': { length: ([bytes = 0]) => bytes, open: lowRankSource },
  /** (rows, columns) of a stored type, or of float32, as float32 (columns, rows); transpose.ts. */
  transposed: {
    length: (_, { rows, columns }) => Number(rows) * Number(columns) * 4,
    open: (sources, parameters, label) => transposedSource(sources, parameters, label),
  },
  /** Some positions along an axis, whatever they hold; see taken.ts. */
  taken: { length: takenLength, open: takenSource },
  /** Rows of heads in another order, whatever they hold; see stored/reorder.ts. */
  'rows-reordered': { length: ([bytes = 0]) => bytes, open: reorderedSource },
  /** float32 with the number `value` added to each, in float32. */
  added: perElement({ from: 4, to: 4, convert: (bytes, { value }) => added(bytes, Number(value)) }),
  /** Blocks of a type of GGML as float32; see stored/. */
  'stored-to-float32': {
    length: ([bytes = 0], parameters) => storedFloatsLength(bytes, parameters),
    open: storedFloats,
  },
  /** Blocks of Q4_0 or Q8_0 as the integers or the scales of a MatMulNBits, exact. */
  'stored-to-blockwise': {
    length: ([bytes = 0], parameters) => integersLength(bytes, parameters),
    open: storedIntegers,
  },
  /** Blocks of 8 bits as llama.cpp makes them. */
  'float32-to-q8_0': { length: ([bytes = 0]) => eightBitsLength(bytes), open: eightBits },
  /** Exact. */
  'bfloat16-to-float32': perElement({ from: 2, to: 4, convert: bfloatWidened }),
  /** Rounded to the nearest, ties to even; what is not finite then is refused. */
  'float32-to-bfloat16': perElement({
    from: 4,
    to: 2,
    convert: (bytes, _, label) => bfloatNarrowed(bytes, (value) => refuseBfloat(label, value)),
  }),
  /** float64 radians per position as float32 cos or sin of every position; see rotary.ts. */
  'rotary-cache': {
    length: ([bytes = 0], { positions }) => Number(positions) * (bytes / 2),
    open: rotaryCache,
  },
} satisfies Record<string, Transform>;

type TransformName = keyof typeof TRANSFORMS;

/** @throws EspalierError `bug` for a name that nothing has registered */
export function transformOf(name: string): Transform {
  if (Object.hasOwn(TRANSFORMS, name)) return TRANSFORMS[name as TransformName];
  throw new EspalierError('bug', `There is no transform called ${name}.`);
}

/**
 * What stands for "never look here" in float16: far below any score, and still finite when several
 * masks are added. Other converters use the same number.
 */
const MASKED = 1e4;

/** A value of an additive attention mask that float16 cannot hold, as one that it can. */
export function maskValue(label: string, value: number): number {
  if (Number.isNaN(value)) return refuseHalf(label, value);
  return Number.isFinite(value) ? Math.sign(value) * MASKED : value;
}

function added(bytes: Uint8Array, value: number): Uint8Array<ArrayBuffer> {
  const values = floatsOf(bytes);
  const out = new Float32Array(values.length);
  for (let k = 0; k < out.length; k++) out[k] = values[k]! + value;
  return new Uint8Array(out.buffer);
}

function refuseBfloat(label: string, value: number): never {
  throw new EspalierError(
    'bad-input',
    `The tensor ${label} holds ${value}, which cannot be written in bfloat16.`,
    'Export the model as ONNX in float32, or heal with a lower learning rate.',
  );
}

/** @throws EspalierError `bad-input` naming the tensor and the value */
export function refuseHalf(label: string, value: number): never {
  throw new EspalierError(
    'bad-input',
    Number.isFinite(value)
      ? `The tensor ${label} holds ${value}, which float16 cannot: its largest value is ` +
          `${HALF_MAX}.`
      : `The tensor ${label} holds ${value}: only finite weights are written in float16.`,
    'Export the model in the precision of the original.',
  );
}
