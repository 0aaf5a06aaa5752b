// Exports with healed weights: verified as any export is, with the likelihoods of the same changes
// made by hand in an unhealed export.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Graph, Tensor } from '../../onnx/graph.ts';
import { renameValues } from '../../onnx/rename.ts';
import type { Engine } from '../../runtime/device/engine.ts';
import { nodeLoader } from '../../runtime/device/ort.node.ts';
import { openWasm } from '../../runtime/device/wasmEngine.ts';
import { withGraph } from '../../runtime/verify/testing/changedFolder.ts';
import { golden } from '../../testing/fixtures.ts';
import { manifestFolder } from '../export/folder.ts';
import { exportManifest } from '../export/manifest.ts';
import { pairFolder } from '../testing/pairFolder.ts';
import { applied, type Target } from './testing/byHand.ts';
import { bytesOf, type Case, fixture, healed, mean, nllOf, target } from './testing/exported.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openWasm(nodeLoader);
});
afterAll(() => engine.dispose());

const OPT = (suffix: string, q: string): Target[] => [
  target(`model.decoder.layers.0.fc2.weight${suffix}`, 0, 64, 32, 'out-in'),
  target(`model.decoder.layers.2.fc1.weight${suffix}`, 2, 32, 64, 'out-in'),
  target(q, 2, 32, 32),
];

const FLOATS: Record<string, Case> = {
  'a graph of optimum': {
    ...fixture('optimum-llama-fp32'),
    removed: [1],
    targets: [
      target('onnx::MatMul_1628', 0, 96, 64),
      target('onnx::MatMul_1664', 2, 64, 64),
      target('onnx::MatMul_1769', null, 64, 384),
    ],
  },
  'Gemm, outputs first': {
    ...fixture('optimum-opt-fp32'),
    removed: [],
    targets: [
      target('model.decoder.layers.0.fc2.weight', 0, 128, 64, 'out-in'),
      target('model.decoder.layers.4.fc1.weight', 4, 64, 128, 'out-in'),
      target('onnx::MatMul_1057', null, 64, 384),
    ],
  },
  'Gemma 2 with fused projections': {
    ...fixture('genai-gemma2-fp32-cpu'),
    removed: ['1.attn', '3.ffn'],
    targets: [
      target('model.layers.0.attn.o_proj.MatMul.weight', 0, 64, 64),
      target('model.layers.2.attn.qkv_proj.MatMul.weight', 2, 64, 128),
      target('model.layers.4.mlp.down_proj.MatMul.weight', 4, 96, 64),
    ],
  },
  'both branches of a merged decoder': {
    ...fixture('merged-opt-fp32'),
    removed: [1, 3],
    targets: OPT('_merged_0', 'onnx::MatMul_1191_merged_0'),
  },
  'a decoder in two files that name their weights differently': {
    folder: () => pairFolder(renamed),
    window: () => golden('merged-opt-fp32').windows[0]!.slice(0, 24),
    removed: [1, 3],
    targets: OPT('_merged_0', 'onnx::MatMul_1191_merged_0'),
  },
};

/** Names of the projections of query and value exchanged, and those of other weights new. */
function renamed(graph: Graph): Graph {
  const [q, v] = ['onnx::MatMul_1191_merged_0', 'onnx::MatMul_1199_merged_0'];
  const names = new Map([
    [q, v],
    [v, q],
  ]);
  for (const name of graph.initializers.keys())
    if (/fc\d\.weight/.test(name)) names.set(name, `other.${name}`);
  return renameValues(graph, names);
}

it('both branches of a merged decoder are healed before they are converted', async () => {
  const targets = OPT('_merged_0', 'onnx::MatMul_1191_merged_0').slice(0, 1);
  const one: Case = { ...fixture('merged-opt-fp32'), removed: [1, 3], targets };
  const { detail } = await healed({ ...one, steps: [{ step: 'float16' }] }, engine);
  expect(detail('likelihood of one window')).toContain('float16');
});

describe.each(Object.entries(FLOATS))('%s', (name, one) => {
  it('has the likelihoods of the same changes made by hand', async () => {
    const { opened, changes, nll, detail } = await healed(one, engine);
    expect(detail('likelihood of one window')).toContain('limits 0.0001');
    expect(detail('bytes of every tensor')).toMatch(/, [1-9]\d* to what the export computes/);
    if (name.includes('two files')) return;
    const plain = await exportManifest(opened, one.removed, { app: 'test' });
    const unhealed = manifestFolder(plain, opened.folder);
    const byHand = new Map<string, Tensor>();
    for (const target of one.targets) {
      const { tensor: name } = target;
      const tensor = opened.structure.graph.initializers.get(name)!;
      const own = changes.filter((change) => change.tensor === name);
      const before = new Float32Array((await bytesOf(opened.folder, tensor)).buffer);
      const values = applied(target, before, own);
      byHand.set(name, { ...tensor, data: new Uint8Array(values.buffer) });
    }
    const edited = await withGraph(unhealed, plain.graph, ({ initializers }) => {
      for (const [name, tensor] of byHand) {
        expect(initializers.has(name)).toBe(true);
        initializers.set(name, tensor);
      }
    });
    const expected = await nllOf(edited, plain.graph, one.window(), engine);
    const before = await nllOf(unhealed, plain.graph, one.window(), engine);
    expect(Math.abs(expected - before)).toBeGreaterThan(1e-2);
    expect(Math.abs(mean(nll) - expected)).toBeLessThan(1e-4);
  });
});
