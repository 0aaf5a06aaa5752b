// Any decoder of these products is a sound graph in few bits, which computes what the float graph
// does with the values that its integers stand for.

import fc from 'fast-check';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { BytesReader } from '../../onnx/bytes.ts';
import { checkGraph } from '../../onnx/check.ts';
import { encodeModel } from '../../onnx/codec.ts';
import { DataType, elementBits, elementCount, type Model } from '../../onnx/graph.ts';
import type { Folder } from '../../onnx/source.ts';
import { memoryFolder, modelOf } from '../../onnx/testing/text.ts';
import { exportedModel } from '../export/apply.ts';
import { exportSteps } from '../export/steps.ts';
import { findBlocks } from '../structure/blocks.ts';
import { planRemoval } from '../structure/removal.ts';
import { formOf } from './forms.ts';
import { quantisableMatrices } from './matrices.ts';
import { dequantisedMatrix } from './packed.ts';
import { quantisationOf } from './testing/byHand.ts';

const [ROWS, WIDTH, INNER, VOCAB] = [3, 32, 48, 24];

/** Lines that make `y` of `x` by a weight (k, n) called `w`. */
const PRODUCTS: readonly ((y: string, x: string, w: string, k: number, n: number) => string)[] = [
  (y, x, w, k, n) => `init ${w} f32 [${k},${n}]\n${y} = MatMul(${x}, ${w})`,
  (y, x, w, k, n) =>
    `init ${w} f32 [${n},${k}]\n${w}t = Transpose(${w})\n${y} = MatMul(${x}, ${w}t)`,
  (y, x, w, k, n) =>
    `init ${w} f32 [${n},${k}]\n${y} = com.microsoft.FusedMatMul{transB=1,alpha=0.5}(${x}, ${w})`,
  (y, x, w, k, n) =>
    `init ${w} f32 [${n},${k}]\ninit ${w}b f32 [${n}]
    ${y} = Gemm{transB=1,alpha=0.5,beta=2.0}(${x}, ${w}, ${w}b)`,
  (y, x, w, k, n) =>
    `init ${w} f32 [${k},${n}]\ninit ${w}b f32 [1,${n}]\n${y} = Gemm(${x}, ${w}, ${w}b)`,
  (y, x, w, k, n) =>
    `init ${w} f32 [${n},${k}]\n${w}i = Identity(${w})\n${w}t = Transpose(${w}i)
    ${y} = Gemm{transB=0,alpha=2.0}(${x}, ${w}t)`,
  (y, x, w, k, n) => `init ${w} f16 [${k},${n}]\n${w}c = Cast{to=1}(${w})
    ${y} = MatMul(${x}, ${w}c)`,
];

interface Shape {
  products: number[];
  tied: boolean;
  /** Nodes before those that they read, as some converters leave them. */
  unsorted: boolean;
  settings: Parameters<typeof quantisationOf>[0];
}

function textOf({ products, tied }: Shape): string {
  let used = 0;
  const product = (y: string, x: string, w: string, k: number, n: number): string =>
    PRODUCTS[products[used++ % products.length]!]!(y, x, w, k, n);
  const lines = [
    'in input_ids i64 [S]',
    `out logits f32 [S,${VOCAB}]`,
    `init table f32 [${VOCAB},${WIDTH}]`,
    'x0 = Gather(table, input_ids)',
  ];
  for (const b of [0, 1]) {
    lines.push(
      `init g${b} f32 [${WIDTH}]\nn${b} = LayerNormalization(x${b}, g${b})`,
      ...['q', 'k', 'v'].map((w) => product(`${w}${b}`, `n${b}`, `w${w}${b}`, WIDTH, WIDTH)),
      `kt${b} = Transpose(k${b})\ns${b} = MatMul(q${b}, kt${b})`,
      `p${b} = Softmax(s${b})\nh${b} = MatMul(p${b}, v${b})`,
      product(`o${b}`, `h${b}`, `wo${b}`, WIDTH, WIDTH),
      `m${b} = Add(x${b}, o${b})`,
      `init f${b} f32 [${WIDTH}]\nl${b} = LayerNormalization(m${b}, f${b})`,
      product(`u${b}`, `l${b}`, `wu${b}`, WIDTH, INNER),
      `t${b} = Tanh(u${b})`,
      product(`d${b}`, `t${b}`, `wd${b}`, INNER, WIDTH),
      `x${b + 1} = Add(m${b}, d${b})`,
    );
  }
  lines.push(`init gz f32 [${WIDTH}]\nz = LayerNormalization(x2, gz)`);
  if (tied) lines.push('head = Transpose(table)\nlogits = MatMul(z, head)');
  else lines.push(product('logits', 'z', 'wh', WIDTH, VOCAB));
  return lines.join('\n');
}

/** The model with its weights in a file, as any that is opened. */
function storedModel(shape: Shape): { model: Model; folder: Folder } {
  const model = modelOf(textOf(shape));
  if (shape.unsorted) model.graph.nodes.reverse();
  const bytes: number[] = [];
  for (const [name, { type, dims }] of model.graph.initializers) {
    const count = elementCount(dims);
    const seed = bytes.length;
    const values = Float32Array.from({ length: count }, (_, k) => Math.sin(seed + k * 1.3) / 4);
    const data =
      type === DataType.float16
        ? // Any bits but those of infinities.
          Uint16Array.from({ length: count }, (_, k) => 0x2c00 + ((k * 37 + seed) % 0x800))
        : values;
    const offset = bytes.length;
    bytes.push(...new Uint8Array(data.buffer));
    const length = (count * elementBits(type)!) / 8;
    const range = { file: 'weights', offset, length };
    const inside = new Uint8Array(data.buffer);
    model.graph.initializers.set(name, { name, type, dims, data: length < 1024 ? inside : range });
  }
  return { model, folder: memoryFolder({ weights: Uint8Array.from(bytes) }) };
}

async function run({ graph, ...model }: Model, folder: Folder): Promise<Float32Array> {
  const reader = new BytesReader(folder);
  const initializers = new Map<
    string,
    typeof graph.initializers extends Map<string, infer T> ? T : never
  >();
  for (const [name, tensor] of graph.initializers) {
    const { data } = tensor;
    const read = await reader.open(data).read(0, data.length);
    initializers.set(name, { ...tensor, data: read });
  }
  const bytes = encodeModel(
    { ...model, graph: { ...graph, initializers } },
    () => new Uint8Array(0),
  );
  const session = await InferenceSession.create(bytes, { graphOptimizationLevel: 'basic' });
  const input_ids = new Tensor('int64', BigInt64Array.of(1n, 6n, 17n), [ROWS]);
  const { logits } = await session.run({ input_ids });
  await session.release();
  return logits!.data as Float32Array;
}

const shapes: fc.Arbitrary<Shape> = fc.record({
  products: fc.array(fc.nat(PRODUCTS.length - 1), { minLength: 3, maxLength: 9 }),
  tied: fc.boolean(),
  unsorted: fc.boolean(),
  settings: fc
    .record({
      bits: fc.constantFrom(4 as const, 8 as const),
      block: fc.constantFrom(16 as const, 32 as const, 128 as const),
      symmetric: fc.boolean(),
      floatZeros: fc.boolean(),
      hqq: fc.boolean(),
      tables: fc.constantFrom('keep' as const, 4 as const, 8 as const),
      accuracyLevel: fc.constant(0 as const),
    })
    .map(({ hqq, tables, ...rest }) => ({
      ...rest,
      method: hqq && rest.bits === 4 ? ('hqq' as const) : ('rtn' as const),
      embedding: tables,
      head: tables,
    })),
});

it('stays sound and computes with the values of its integers', async () => {
  await fc.assert(
    fc.asyncProperty(shapes, async (shape) => {
      const { model, folder } = storedModel(shape);
      const structure = findBlocks(model, 2);
      const quantisation = quantisationOf(shape.settings);
      const steps = exportSteps([], [{ step: 'quantise', quantisation, dtype: 'q4' }]);
      const written = exportedModel({ structure, genai: false }, planRemoval(structure, []), steps);
      expect(checkGraph(written.graph)).toEqual([]);

      const { settings } = quantisation;
      const initializers = new Map(model.graph.initializers);
      let quantised = 0;
      for (const matrix of quantisableMatrices(structure)) {
        const bits = formOf(matrix, quantisation);
        if (bits === 'float') continue;
        quantised++;
        const data = dequantisedMatrix(matrix, { settings, bits, scales: DataType.float });
        initializers.set(matrix.tensor, { ...initializers.get(matrix.tensor)!, data });
      }
      const few = written.graph.nodes.filter(({ domain, op }) => domain && !/Fused/.test(op));
      expect(few.length).toBe(quantised);
      expect(quantised).toBe(12 + (settings.head === 'keep' ? 0 : 2));
      const floats = { ...model, graph: { ...model.graph, initializers } };
      const [found, expected] = [await run(written, folder), await run(floats, folder)];
      const scale = Math.max(...expected.map(Math.abs));
      const worst = Math.max(...expected.map((x, k) => Math.abs(x - found[k]!)));
      // Float16 weights hold the values rounded to float16; that is all that differs.
      expect(worst / scale).toBeLessThan(shape.products.includes(6) ? 1e-2 : 1e-4);
    }),
    { numRuns: 25 },
  );
});
