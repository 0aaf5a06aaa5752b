// Exports give the logits of the whole source with what they lack multiplied by zero, also where
// the source reads what nothing here can make.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { manifestFolder } from '../../model/export/folder.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import type { Graph } from '../../onnx/graph.ts';
import { graphOf } from '../../onnx/testing/text.ts';
import { fixturePath } from '../../testing/fixtures.ts';
import type { Unit } from '../../units.ts';
import { GraphRunner } from '../decode/likelihood.ts';
import type { Engine } from '../device/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { compareSilenced, silencedSource } from './silenced.ts';
import { withGraph } from './testing/changedFolder.ts';
import { verifyExport } from './verify.ts';

const WINDOW = Array.from({ length: 12 }, (_, t) => (t * 37 + 3) % 300);

let engine: Engine;
beforeAll(async () => {
  engine = await openWasm(nodeLoader);
});
afterAll(() => engine.dispose());

const open = async (name: string): Promise<OpenedModel> =>
  openModel(await openFolder(fixturePath(name)));

/** An export of one removal against the source silenced for another. */
async function compared(opened: OpenedModel, made: Unit[], planned: Unit[]) {
  const manifest = await exportManifest(opened, made, { app: 'test' });
  const exported = await openModel(manifestFolder(manifest, opened.folder), manifest.graph);
  const silenced = silencedSource(opened, planned);
  if (!silenced) throw new Error('the source is not followed');
  const runner = await GraphRunner.open(exported, engine);
  try {
    return await compareSilenced(runner, exported, silenced, WINDOW, engine, undefined);
  } finally {
    await runner.dispose();
  }
}

describe('the silenced source', () => {
  // Factors on the stream; biases beside the sums; two kinds of layers; experts.
  test.each(['genai-gemma4u-fp32-cpu', 'optimum-opt-fp32', 'genai-lfm2-fp32-cpu'])(
    'of %s gives the logits of its exports, and of no others',
    async (name) => {
      const opened = await open(name);
      for (const units of [[1], ['1.attn'], ['2.ffn'], [0, '2.ffn']] as Unit[][])
        expect(await compared(opened, units, units), `${units}`).toMatchObject({ ok: true });
      expect((await compared(opened, ['2.ffn'], ['1.ffn'])).ok).toBe(false);
      expect((await compared(opened, [1], ['1.attn'])).ok).toBe(false);
    },
  );

  test('is none for a merged decoder', async () => {
    expect(silencedSource(await open('merged-opt-fp32'), [1])).toBeNull();
  });
});

describe('a decoder that reads the states of an encoder', () => {
  /** Block 1 adds their mean to what its attention reads. */
  function withEncoder(graph: Graph): void {
    const added = graphOf(
      'in encoder_hidden_states f32 [batch_size,encoder_length,8]\n' +
        'mean = ReduceMean{keepdims=0}(encoder_hidden_states)',
    );
    graph.inputs.push(...added.inputs);
    const read = /layers\.1\/input_layernorm\/output_0/;
    const at = graph.nodes.findIndex((node) => node.op === 'MatMul' && read.test(node.inputs[0]!));
    const [sum] = graphOf(`shifted = Add(mean, ${graph.nodes[at]?.inputs[0]})`).nodes;
    graph.nodes[at]!.inputs[0] = 'shifted';
    graph.nodes.splice(at, 0, ...added.nodes, sum!);
  }

  test('is fed with fixed numbers, and its export verified with the same', async () => {
    const plain = await open('genai-gemma2-fp32-cpu');
    const folder = await withGraph(plain.folder, plain.graphPath, withEncoder);
    const opened = await openModel(folder, plain.graphPath);
    expect(opened.summary.canScore).toBe(false);
    const removed: Unit[] = [2];
    const manifest = await exportManifest(opened, removed, { app: 'test' });
    const written = manifestFolder(manifest, folder);
    const expected = {
      window: WINDOW,
      nll: null,
      numBlocks: opened.structure.blocks.length - 1,
      source: { opened, removed },
    };
    const right = await verifyExport(written, manifest.graph, expected, engine);
    expect(right.checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(right.status).toBe('verified');
    const detail = right.checks.find(({ name }) => /^source without/.test(name))?.detail;
    expect(detail).toMatch(/; both fed with the same arbitrary numbers for encoder_hidden_states$/);

    const wrong = await withGraph(written, manifest.graph, ({ nodes }) => {
      const sum = nodes.find((node) => node.outputs[0] === 'shifted');
      if (sum) sum.inputs = [sum.inputs[1] ?? '', sum.inputs[1] ?? ''];
    });
    const found = await verifyExport(wrong, manifest.graph, expected, engine);
    expect(found.status).toBe('failed');
    const failed = found.checks.filter(({ ok }) => !ok).map(({ name }) => name);
    expect(failed).toContain('source without what was removed');
  });
});
