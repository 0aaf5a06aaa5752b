// The bytes predicted for a plan are the bytes that its export writes.

import { describe, expect, it } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { encodeModel } from '../../onnx/codec.ts';
import { type Attribute, DataType } from '../../onnx/graph.ts';
import { inFile } from '../../onnx/testing/inFile.ts';
import { graphOf, memoryFolder } from '../../onnx/testing/text.ts';
import { corpus, fixturePath, samplePath } from '../../testing/fixtures.ts';
import { sublayerUnit } from '../../units.ts';
import { manifestFolder } from '../export/folder.ts';
import { exportManifest } from '../export/manifest.ts';
import type { Manifest } from '../export/request.ts';
import { dtypeSteps } from '../export/steps.ts';
import { quantisationOf } from '../quantise/testing/byHand.ts';
import { PLAIN, residualModel } from '../testing/residual.ts';
import { writtenSizes } from './entries.ts';
import { openModel } from './open.ts';
import { planSize } from './size.ts';

const models = [
  { name: 'sample', path: samplePath(), graph: 'onnx/model.onnx' },
  { name: 'sample, 4-bit', path: samplePath(), graph: 'onnx/model_q4.onnx' },
  ...corpus()
    .filter((row) => row.supported)
    .map((row) => ({ name: row.folder, path: fixturePath(row.folder), graph: row.file })),
];

const FP16 = dtypeSteps('fp16');
const Q4F16 = dtypeSteps('q4f16', quantisationOf({ embedding: 8, head: 4 }));

/** Bytes of the graph file and its data. */
function bytesOf({ files, graph }: Manifest): number {
  return files
    .filter(({ path }) => path === graph || /\.onnx[._]data/.test(path))
    .reduce((sum, { size }) => sum + size, 0);
}

describe('planSize', () => {
  it.each(models)('predicts the export of $name within 1 %', async ({ path, graph }) => {
    const folder = await openFolder(path);
    const opened = await openModel(folder, graph);
    const { summary } = opened;
    const removable = summary.blocks.filter((b) => b.unremovable === undefined).map((b) => b.index);
    const parts = summary.blocks
      .filter((b) => b.hasSublayers && !b.unremovableSublayers)
      .map((b) => b.index);
    const units =
      parts.length > 2
        ? [
            [sublayerUnit(parts[1]!, 'attn')],
            [sublayerUnit(parts[1]!, 'ffn'), sublayerUnit(parts[2]!, 'attn')],
          ]
        : [];
    const plans = [[], removable.slice(1, 2), [removable[0] ?? 0, removable.at(-1) ?? 0], ...units];
    const isFloat = summary.dtype === 'fp32';
    const sizes = isFloat && { half: writtenSizes(opened, FP16), few: writtenSizes(opened, Q4F16) };
    for (const [k, removed] of plans.entries()) {
      if (sizes) {
        const half = await exportManifest(opened, removed, { app: 'test', steps: FP16 });
        const written = bytesOf(half);
        const { bytes, kvBytesPerToken } = planSize(summary, removed, sizes.half);
        if (k === 0 || k === plans.length - 1) {
          const reopened = await openModel(manifestFolder(half, folder), half.graph);
          expect(kvBytesPerToken, `float16 ${removed}`).toBe(reopened.summary.kvBytesPerToken);
        }
        expect(Math.abs(bytes - written) / written, `float16 ${removed}`).toBeLessThan(
          removed.length === 0 ? 1e-3 : 0.01,
        );
      }
      const manifest = await exportManifest(opened, removed, { app: 'test' });
      const written = manifest.graph;
      const bytes = bytesOf(manifest);
      const size = planSize(summary, removed);
      expect(Math.abs(size.bytes - bytes) / bytes, String(removed)).toBeLessThan(
        removed.length === 0 ? 1e-3 : 0.01,
      );
      if (sizes && (removed.length === 0 || removed === units[1])) {
        const few = bytesOf(await exportManifest(opened, removed, { app: 'test', steps: Q4F16 }));
        const planned = planSize(summary, removed, sizes.few).bytes;
        // Beside the entries of the graph, which are as large as without quantising.
        const entries = Math.abs(size.bytes - bytes);
        expect(Math.abs(planned - few) - entries, `q4f16 ${removed}`).toBeLessThan(
          removed.length === 0 ? few * 1e-3 : few * 0.01,
        );
      }
      const again = await openModel(manifestFolder(manifest, folder), written);
      expect(size.kvBytesPerToken).toBe(again.summary.kvBytesPerToken);
      if (!/int8|quant/.test(summary.dtype))
        expect(Math.abs(size.params - again.summary.params)).toBeLessThanOrEqual(
          again.summary.params * 0.01,
        );
    }
    await folder.close();
  });
});

it.each(['inline', 'external'])(
  'a large constant inside a subgraph (%s) neither stops opening nor goes uncounted',
  async (where) => {
    const model = residualModel(PLAIN);
    const { graph } = model;
    const mask = graph.nodes.find((node) => node.outputs[0] === 'mask');
    if (!mask) throw new Error('the model has no mask');
    mask.outputs = ['mask0'];
    const then = graphOf('init inner f32 [300,4]\n out z f32 [B]\n z = Add(mask0, inner)');
    const inner = then.initializers.get('inner');
    if (inner && where === 'external')
      inner.data = { file: 'model.onnx_data', offset: 0, length: 4800 };
    graph.initializers.set('condition', {
      name: 'condition',
      type: DataType.bool,
      dims: [],
      data: new Uint8Array([1]),
    });
    graph.nodes.push({
      name: 'choice',
      op: 'If',
      domain: '',
      inputs: ['condition'],
      outputs: ['mask'],
      attributes: new Map<string, Attribute>([
        ['then_branch', { name: 'then_branch', kind: 'graph', value: then }],
        [
          'else_branch',
          {
            name: 'else_branch',
            kind: 'graph',
            value: graphOf('out z f32 [B]\n z = Identity(mask0)'),
          },
        ],
      ]),
    });
    const bytes = encodeModel(
      model,
      inFile((range) => ({
        location: range.file,
        offset: range.offset,
        length: range.length,
      })),
    );
    const opened = await openModel(
      memoryFolder({ 'model.onnx': bytes, 'model.onnx_data': new Uint8Array(8192) }),
    );
    const { files } = await exportManifest(opened, [1], { app: 'test' });
    const written = files
      .filter((f) => f.path.startsWith('model.onnx'))
      .reduce((n, f) => n + f.size, 0);
    expect(written).toBeGreaterThan(4800);
    expect(Math.abs(planSize(opened.summary, [1]).bytes - written)).toBeLessThan(written * 0.05);
  },
);
