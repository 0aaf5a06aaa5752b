// Any graph of these operators is a sound float16 graph afterwards, without a Cast too many, and
// computes what it computed before.

import fc from 'fast-check';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { checkGraph } from '../../onnx/check.ts';
import { encodeModel } from '../../onnx/codec.ts';
import { DataType, type Graph, intAttribute, type Model } from '../../onnx/graph.ts';
import { modelOf } from '../../onnx/testing/text.ts';
import { trimGraph } from '../../onnx/trim.ts';
import { elementTypes } from '../../onnx/types.ts';
import { toFloat16 } from './convert.ts';

const [ROWS, WIDTH, VOCAB] = [3, 4, 8];

/** Lines that make `y` of the values `a` and `b`; `side` is a value of the positions. */
const STEPS: readonly ((y: string, a: string, b: string, side: string) => string)[] = [
  (y, a, b) => `${y} = Add(${a}, ${b})`,
  (y, a, b) => `${y}_b = Tanh(${b})\n${y} = Mul(${a}, ${y}_b)`,
  (y, a, _, side) => `${y} = Mul(${a}, ${side})`,
  (y, a, _, side) => `${y}_s = Unsqueeze(${side}, axis)\n${y}_t = Squeeze(${y}_s, axis)
    ${y} = Add(${a}, ${y}_t)`,
  (y, a) => `${y} = Sigmoid(${a})`,
  (y, a) => `${y} = Softmax(${a})`,
  (y, a) => `${y} = Cast{to=1}(${a})`,
  (y, a) => `${y}_p = MatMul(${a}, weight)\n${y} = Tanh(${y}_p)`,
  (y, a) => `${y} = Mul(${a}, half)`,
  (y, a) => `${y} = LayerNormalization(${a}, scale)`,
  (y, a) => `${y}_w = Cast{to=1}(${a})\n${y}_q = Pow(${y}_w, two)
    ${y}_m = ReduceMean{keepdims=1}(${y}_q, last)\n${y}_e = Add(${y}_m, half)
    ${y}_r = Sqrt(${y}_e)\n${y}_n = Div(${y}_w, ${y}_r)\n${y}_c = Cast{to=1}(${y}_n)
    ${y} = Mul(scale, ${y}_c)`,
  (y, a) => `${y}_m = ReduceMean{keepdims=1}(${a}, last)\n${y} = Sub(${a}, ${y}_m)`,
  (y, a) => `${y}_s = Unsqueeze(${a}, axis)\n${y} = Squeeze(${y}_s, axis)`,
  (y, a, b) => `${y} = Where(keep, ${a}, ${b})`,
  (y, a, b) =>
    `${y}_c = Concat{axis=-1}(${a}, ${b})\n${y}_o, ${y} = Split{axis=-1,num_outputs=2}(${y}_c)`,
  (y, a, b) => `${y}_x = Max(${a}, ${b})\n${y} = Tanh(${y}_x)`,
];

const SIDES: readonly ((y: string, a: string) => string)[] = [
  (y, a) => `${y} = Cos(${a})`,
  (y, a) => `${y} = Mul(${a}, half)`,
  (y, a) => `${y} = Add(${a}, scale)`,
  (y, a) => `${y} = Where(keep, ${a}, half)`,
];

const step = fc.record({
  op: fc.nat(STEPS.length - 1),
  a: fc.nat(20),
  b: fc.nat(20),
  side: fc.nat(20),
});

const programs = fc
  .tuple(
    fc.array(fc.nat(SIDES.length - 1), { maxLength: 4 }),
    fc.array(step, { minLength: 1, maxLength: 14 }),
  )
  .map(([sides, steps]) => {
    const lines = [
      `in ids i64 [1,${ROWS}]`,
      `in positions f32 [1,${ROWS},1]`,
      `in keep bool [1,${ROWS},1]`,
      `in past f32 [1,${ROWS},${WIDTH}]`,
      `out present f32 [1,${ROWS},${WIDTH}]`,
      `out logits f32 [1,${ROWS},${VOCAB}]`,
      `init table f32 [${VOCAB},${WIDTH}]`,
      `init weight f32 [${WIDTH},${WIDTH}]`,
      `init head f32 [${WIDTH},${VOCAB}]`,
      `init scale f32 [${WIDTH}]`,
      'init half f32 []\ninit two f32 []\ninit axis i64 [1]\ninit last i64 [1]',
      'x = Gather(table, ids)',
      'present = Add(past, x)',
      's = Add(positions, scale)',
    ];
    const [values, prepared] = [['x', 'present'], ['s']];
    const pick = (list: string[], k: number): string => list[k % list.length] as string;
    for (const [k, op] of sides.entries()) {
      lines.push(SIDES[op]!(`s${k}`, pick(prepared, prepared.length - 1)));
      prepared.push(`s${k}`);
    }
    for (const [k, { op, a, b, side }] of steps.entries()) {
      lines.push(STEPS[op]!(`v${k}`, pick(values, a), pick(values, b), pick(prepared, side)));
      values.push(`v${k}`);
    }
    lines.push(`logits = MatMul(${values.at(-1)}, head)`);
    return lines.join('\n');
  });

function modelFrom(text: string): Model {
  const model = modelOf(text.replaceAll('axis=-1', 'axis=2'));
  const numbers: Record<string, [number, ArrayBuffer]> = {
    half: [DataType.float, Float32Array.of(0.5).buffer],
    two: [DataType.float, Float32Array.of(2).buffer],
    axis: [DataType.int64, BigInt64Array.of(1n).buffer],
    last: [DataType.int64, BigInt64Array.of(2n).buffer],
  };
  for (const [name, [type, buffer]] of Object.entries(numbers)) {
    const { dims } = model.graph.initializers.get(name)!;
    model.graph.initializers.set(name, { name, type, dims, data: new Uint8Array(buffer) });
  }
  return { ...model, graph: trimGraph(model.graph) };
}

async function run(model: Model): Promise<Record<string, number[]>> {
  const session = await InferenceSession.create(encodeModel(model, () => new Uint8Array(0)));
  const dims = [1, ROWS, WIDTH];
  const feeds = {
    ids: new Tensor('int64', BigInt64Array.of(1n, 6n, 3n), [1, ROWS]),
    positions: new Tensor('float32', Float32Array.of(0, 1, 2), [1, ROWS, 1]),
    keep: new Tensor('bool', Uint8Array.of(1, 0, 1), [1, ROWS, 1]),
    past: new Tensor(
      'float32',
      Float32Array.from({ length: ROWS * WIDTH }, (_, k) => Math.sin(k)),
      dims,
    ),
  };
  const known = new Set(session.inputNames);
  const results = await session.run(
    Object.fromEntries(Object.entries(feeds).filter(([name]) => known.has(name))),
  );
  const numbers = Object.entries(results).map(
    ([name, value]) => [name, Array.from(value.data as Float32Array)] as const,
  );
  await session.release();
  return Object.fromEntries(numbers);
}

/** Operators whose float operands must be of one type. */
function mixed(graph: Graph): string[] {
  const types = elementTypes(graph);
  return graph.nodes
    .filter((node) => node.op !== 'Cast')
    .filter((node) => {
      const floats = node.inputs
        .map((x) => types.get(x))
        .filter((type) => type === DataType.float || type === DataType.float16);
      return new Set(floats).size > 1;
    })
    .map((node) => `${node.op}(${node.inputs.join(', ')})`);
}

/** Casts that do nothing, undo another or repeat one. */
function needless(graph: Graph): string[] {
  const types = elementTypes(graph);
  const producer = new Map(graph.nodes.flatMap((node) => node.outputs.map((x) => [x, node])));
  const seen = new Set<string>();
  const found: string[] = [];
  for (const node of graph.nodes) {
    if (node.op !== 'Cast') continue;
    const [from = ''] = node.inputs;
    const to = intAttribute(node, 'to');
    if (types.get(from) === to || producer.get(from)?.op === 'Cast' || seen.has(`${to} ${from}`))
      found.push(`${from} -> ${node.outputs[0]}`);
    seen.add(`${to} ${from}`);
  }
  return found;
}

it('stays sound, casts no more than it must and computes the same', async () => {
  await fc.assert(
    fc.asyncProperty(programs, async (text) => {
      const model = modelFrom(text);
      const before =
        JSON.stringify([...model.graph.initializers.keys()]) + model.graph.nodes.length;
      const half = toFloat16(model, { tokens: 'ids', states: new Set(['past']) }, false);
      expect(JSON.stringify([...model.graph.initializers.keys()]) + model.graph.nodes.length).toBe(
        before,
      );
      expect(checkGraph(half.graph)).toEqual([]);
      expect(mixed(half.graph)).toEqual([]);
      expect(needless(half.graph)).toEqual([]);
      expect(half.graph.inputs.map(({ name, type }) => [name, type])).toEqual(
        model.graph.inputs.map(({ name, type }) => [name, type]),
      );
      const [found, expected] = [await run(half), await run(model)];
      for (const [name, values] of Object.entries(expected)) {
        const scale = Math.max(1, ...values.map(Math.abs));
        const worst = Math.max(...values.map((x, k) => Math.abs(x - found[name]![k]!)));
        expect(worst / scale, name).toBeLessThan(0.02);
      }
    }),
    { numRuns: 150 },
  );
});
