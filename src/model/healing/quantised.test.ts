// Healed weights of graphs in few bits, in float16, and of tables that are read in two places.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { DataType, type Graph, intAttribute, type Node, type Tensor } from '../../onnx/graph.ts';
import { fromHalf } from '../../onnx/half.ts';
import type { Folder } from '../../onnx/source.ts';
import type { Engine } from '../../runtime/device/engine.ts';
import { nodeLoader } from '../../runtime/device/ort.node.ts';
import { openWasm } from '../../runtime/device/wasmEngine.ts';
import { ScoreSession } from '../../runtime/score/session.ts';
import { withGraph } from '../../runtime/verify/testing/changedFolder.ts';
import { manifestFolder } from '../export/folder.ts';
import { exportManifest } from '../export/manifest.ts';
import { dtypeSteps } from '../export/steps.ts';
import { openModel } from '../open/open.ts';
import { healedStructure } from './healedStructure.ts';
import { applied, healingOf, type Target } from './testing/byHand.ts';
import {
  bytesOf,
  type Case,
  changesOf,
  fixture,
  healed,
  mean,
  nllOf,
  target,
} from './testing/exported.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openWasm(nodeLoader);
});
afterAll(() => engine.dispose());

const SMOLVLM: Case = {
  ...fixture('split-smolvlm-q4'),
  removed: [1],
  targets: [
    target('onnx::MatMul_1628_Q4', 0, 96, 64, 'out-in'),
    target('onnx::MatMul_1664_Q4', 2, 64, 64, 'out-in'),
    target('onnx::MatMul_1769_Q4', null, 64, 384, 'out-in'),
  ],
};

/** The values of a MatMulNBits of 4 bits without zero points, (N, K). */
async function dequantised(folder: Folder, node: Node, graph: Graph): Promise<Float32Array> {
  const [rows, columns] = [intAttribute(node, 'N')!, intAttribute(node, 'K')!];
  const block = intAttribute(node, 'block_size')!;
  const read = (slot: number): Promise<Uint8Array<ArrayBuffer>> =>
    bytesOf(folder, graph.initializers.get(node.inputs[slot]!)!);
  const [packed, scaleBytes] = [await read(1), await read(2)];
  const scales = new Float32Array(scaleBytes.buffer);
  const blocks = Math.ceil(columns / block);
  return Float32Array.from({ length: rows * columns }, (_, k) => {
    const [row, column] = [Math.floor(k / columns), k % columns];
    const byte = packed[(row * blocks * block + column) >> 1]!;
    const q = column % 2 === 0 ? byte & 15 : byte >> 4;
    return (q - 8) * scales[row * blocks + Math.floor(column / block)]!;
  });
}

it('4-bit matrices become products with float matrices, or are rounded again', async () => {
  const { opened, changes, nll, folder, manifest, detail } = await healed(
    { ...SMOLVLM, quantised: 'float' },
    engine,
  );
  expect(detail('likelihood of one window')).toContain('limits 0.0001');
  const plain = await exportManifest(opened, SMOLVLM.removed, { app: 'test' });
  const unhealed = manifestFolder(plain, opened.folder);
  const byHand = new Map<string, Tensor>();
  const source = opened.structure.graph;
  for (const one of SMOLVLM.targets) {
    const node = source.nodes.find(({ inputs }) => inputs[1] === one.tensor)!;
    const own = changes.filter(({ tensor }) => tensor === one.tensor);
    const values = applied(one, await dequantised(opened.folder, node, source), own);
    const turned = values.map(
      (_, k) => values[(k % one.outputs) * one.inputs + Math.floor(k / one.outputs)]!,
    );
    byHand.set(one.tensor, {
      name: one.tensor,
      type: DataType.float,
      dims: [one.inputs, one.outputs],
      data: new Uint8Array(turned.buffer),
    });
  }
  const edited = await withGraph(unhealed, plain.graph, ({ initializers, nodes }) => {
    for (const [name, tensor] of byHand) initializers.set(name, tensor);
    for (const node of nodes) {
      if (!byHand.has(node.inputs[1] ?? '')) continue;
      Object.assign(node, { op: 'MatMul', domain: '', attributes: new Map() });
      node.inputs = node.inputs.slice(0, 2);
    }
  });
  const window = SMOLVLM.window();
  const exact = await nllOf(edited, plain.graph, window, engine);
  expect(Math.abs(exact - (await nllOf(unhealed, plain.graph, window, engine)))).toBeGreaterThan(
    1e-2,
  );
  expect(Math.abs(mean(nll) - exact)).toBeLessThan(1e-4);
  const { graph } = (await openModel(folder, manifest.graph)).structure;
  expect(graph.nodes.filter(({ op }) => op === 'MatMulNBits')).toHaveLength(7 * 4 + 1 - 3);
  expect([...graph.initializers.keys()]).not.toContain('onnx::MatMul_1628_scales');

  const again = await healed(SMOLVLM, engine);
  expect(again.detail('likelihood of one window')).toContain('limits 0.0001');
  expect(again.detail('bytes of every tensor')).toContain(', 6 to what the export computes');
  const loss = Math.abs(mean(again.nll) - exact);
  expect(loss).toBeGreaterThan(1e-5);
  expect(loss).toBeLessThan(5e-2);
  const structure = healedStructure(
    opened.structure,
    healingOf(SMOLVLM.removed, changesOf(SMOLVLM.targets)),
    'again',
  );
  const session = ScoreSession.open({ ...opened, structure }, engine);
  expect(await session.nllPerToken(SMOLVLM.removed, window)).toEqual(again.nll);
  await session.dispose();
});

it('zero points and scales in float16 are written as the file has them', async () => {
  const one: Case = {
    ...fixture('optimum-llama-q4f16'),
    removed: [3],
    targets: [
      target('onnx::MatMul_1628_Q4', 0, 96, 64, 'out-in'),
      target('onnx::MatMul_1664_Q4', 2, 64, 64, 'out-in'),
    ],
  };
  const { opened, manifest, folder, detail } = await healed(one, engine);
  expect(detail('bytes of every tensor')).toContain(', 6 to what the export computes');
  const source = opened.structure.graph.initializers;
  const written = (await openModel(folder, manifest.graph)).structure.graph.initializers;
  for (const suffix of ['Q4', 'scales', 'zero_points']) {
    const [before, after] = [source, written].map((of) =>
      [...of.values()].find(({ name }) => name.startsWith(`onnx::MatMul_1628_${suffix}`)),
    );
    expect(after).toMatchObject({ type: before!.type, dims: before!.dims });
    expect(await bytesOf(folder, after!)).not.toEqual(await bytesOf(opened.folder, before!));
  }
});

it('float16 weights are changed in float32 and rounded, a float32 export likewise', async () => {
  const targets: Target[] = [
    target('model.layers.0.attn.qkv_proj.MatMul.weight', 0, 64, 128),
    target('model.layers.2.mlp.down_proj.MatMul.weight', 2, 96, 64),
  ];
  const one: Case = { ...fixture('genai-llama-fp16-webgpu'), removed: [1], targets };
  const { opened, folder, manifest, changes } = await healed(one, engine);
  const { name, ...rest } = opened.structure.graph.initializers.get(targets[1]!.tensor)!;
  const halves = new Uint16Array((await bytesOf(opened.folder, { name, ...rest })).buffer);
  const own = changes.filter(({ tensor }) => tensor === name);
  const expected = applied(targets[1]!, Float32Array.from(halves, fromHalf), own);
  const written = (await openModel(folder, manifest.graph)).structure.graph.initializers.get(name)!;
  const found = new Uint16Array((await bytesOf(folder, written)).buffer);
  found.forEach((bits, k) => {
    expect(Math.abs(fromHalf(bits) - expected[k]!)).toBeLessThanOrEqual(
      Math.max(2 ** -25, Math.abs(expected[k]!) * 2 ** -11 * 1.001),
    );
  });

  const narrow = await healed(
    {
      ...fixture('optimum-llama-fp32'),
      removed: [1],
      targets: [target('onnx::MatMul_1628', 0, 96, 64)],
      steps: dtypeSteps('fp16'),
    },
    engine,
  );
  expect(narrow.manifest.graph).toBe('onnx/model_fp16.onnx');
  expect(narrow.detail('likelihood of one window')).toContain('limits 0.001, 0.1; float16');
});

it('a table that is looked up too keeps its values there', async () => {
  const tied = target('lm_head.MatMul.weight', null, 64, 384);
  const { opened, folder, manifest } = await healed(
    { ...fixture('genai-gemma2-fp32-cpu'), removed: [], targets: [tied] },
    engine,
  );
  const { graph } = (await openModel(folder, manifest.graph)).structure;
  const head = graph.nodes.find(
    ({ outputs }) => outputs.includes('logits') || outputs[0]?.startsWith('/lm_head'),
  )!;
  expect(head.inputs[1]).toBe('lm_head.MatMul.weight.healed.head');
  const kept = graph.initializers.get('lm_head.MatMul.weight')!;
  const source = opened.structure.graph.initializers.get('lm_head.MatMul.weight')!;
  expect(await bytesOf(folder, kept)).toEqual(await bytesOf(opened.folder, source));
});

it('integers of DequantizeLinear are rounded again, or give way to floats', async () => {
  const one: Case = {
    ...fixture('genai-llama-int4-webgpu-qdq'),
    removed: [3],
    targets: [
      target('model.layers.0.mlp.down_proj.MatMul.weight_DQ_Q4', 0, 96, 64),
      target('model.layers.2.attn.qkv_proj.MatMul.weight_DQ_Q4', 2, 64, 128),
    ],
  };
  const again = await healed(one, engine);
  expect(again.detail('bytes of every tensor')).toContain(', 4 to what the export computes');
  const float = await healed({ ...one, quantised: 'float' }, engine);
  expect(float.detail('bytes of every tensor')).toContain(', 2 to what the export computes');
  const { graph } = (await openModel(float.folder, float.manifest.graph)).structure;
  expect(graph.nodes.filter(({ op }) => op === 'DequantizeLinear')).toHaveLength(4 * 5 + 1 - 2);
  const session = ScoreSession.open(again.opened, engine);
  const before = mean(await session.nllPerToken(one.removed, one.window()));
  await session.dispose();
  const change = Math.abs(mean(float.nll) - before);
  expect(change).toBeGreaterThan(1e-2);
  expect(Math.abs(mean(again.nll) - mean(float.nll))).toBeLessThan(change);
});
