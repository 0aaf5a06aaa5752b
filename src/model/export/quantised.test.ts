// Quantisations in exports: whose matrices they are, what is refused, what the folder says.

import { describe, expect, it } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { BytesReader } from '../../onnx/bytes.ts';
import { DataType } from '../../onnx/graph.ts';
import type { Bytes, Folder } from '../../onnx/source.ts';
import { fixturePath, samplePath } from '../../testing/fixtures.ts';
import { healedStructure } from '../healing/healedStructure.ts';
import { healingOf, lowRank } from '../healing/testing/byHand.ts';
import { type OpenedModel, openModel } from '../open/open.ts';
import { type QuantisableMatrix, quantisableMatrices } from '../quantise/matrices.ts';
import { packedMatrix } from '../quantise/packed.ts';
import type { ComputedMatrix, Quantisation } from '../quantise/quantisation.ts';
import { quantisationOf, RTN } from '../quantise/testing/byHand.ts';
import { pairFolder } from '../testing/pairFolder.ts';
import { manifestFolder } from './folder.ts';
import { exportManifest } from './manifest.ts';
import { PROVENANCE_FILE, readProvenance } from './provenance.ts';
import type { Manifest } from './request.ts';
import { dtypeSteps } from './steps.ts';

const sample = async (): Promise<OpenedModel> =>
  openModel(await openFolder(samplePath()), 'onnx/model.onnx');

const exported = (
  opened: OpenedModel,
  quantisation: Quantisation,
  dtype: 'q4' | 'q4f16' | 'q8' = 'q4',
): Promise<Manifest> =>
  exportManifest(opened, [], { app: 'test', steps: dtypeSteps(dtype, quantisation) });

const read = (folder: Folder, data: Bytes): Promise<Uint8Array<ArrayBuffer>> =>
  new BytesReader(folder).open(data).read(0, data.length);

/** Weights of an export by the path of their file. */
async function dataOf({ files }: Manifest, folder: Folder): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const { path, parts } of files.filter((file) => /data/.test(file.path)))
    for (const [k, part] of parts.entries())
      found.set(`${path} ${k}`, Buffer.from(await read(folder, part)).toString('base64'));
  return found;
}

async function computedAs(folder: Folder, matrix: QuantisableMatrix): Promise<ComputedMatrix> {
  const packed = packedMatrix(matrix, { settings: RTN, bits: 4, scales: DataType.float });
  return {
    tensor: matrix.tensor,
    block: matrix.block,
    outputs: matrix.outputs,
    inputs: matrix.inputs,
    blockSize: 32,
    bits: 4,
    weights: await read(folder, packed.weights),
    scales: await read(folder, packed.scales),
    zeros: await read(folder, packed.zeros!),
  };
}

describe('a quantisation in an export', () => {
  it.each([
    ['a merged decoder', () => openFolder(fixturePath('merged-opt-fp32'))],
    ['a decoder in two files', pairFolder],
  ])('writes what was computed into every copy of %s', async (_, folderOf) => {
    const folder = await folderOf();
    const opened = await openModel(folder);
    const all = quantisableMatrices(opened.structure).filter(({ kind }) => kind === 'block');
    const computed = await Promise.all(all.map((matrix) => computedAs(folder, matrix)));
    const gptq = quantisationOf({ method: 'gptq' }, { computed });
    const [rounded, written] = [
      await exported(opened, quantisationOf()),
      await exported(opened, gptq),
    ];
    const sorted = async (one: Manifest): Promise<string[]> =>
      [...(await dataOf(one, folder)).values()].sort();
    expect(await sorted(written)).toEqual(await sorted(rounded));
    expect(written.files.map(({ path }) => path)).toEqual(rounded.files.map(({ path }) => path));
    const again = await openModel(manifestFolder(written, folder), written.graph);
    expect(again.summary.dtype).toBe('q4');
    expect(again.decoders.map(({ path }) => path)).toEqual(
      opened.decoders.map(({ path }) => path.replace('.onnx', '_q4.onnx')),
    );
    // Each matrix once in each file, whatever the branches.
    for (const { model } of again.decoders) {
      const few = [...model.graph.initializers.keys()].filter((name) => name.endsWith('_Q4'));
      expect(few).toHaveLength(all.length);
    }

    const missing = quantisationOf({ method: 'gptq' }, { computed: computed.slice(1) });
    await expect(exported(opened, missing)).rejects.toThrow(
      `has no 4-bit form of the matrix ${computed[0]!.tensor} of block 0`,
    );
    const other = quantisationOf({ method: 'gptq' }, { computed, removed: [1] });
    await expect(exported(opened, other)).rejects.toThrow(
      'The quantisation is of the plan 1, and the export is of the original.',
    );
  });

  it('rounds healed weights once, also where activations are float16', async () => {
    const opened = await sample();
    const { folder, structure } = opened;
    const tensor = 'model.layers.4.mlp.down_proj.MatMul.weight';
    const target = { tensor, block: 4, inputs: 320, outputs: 128, order: 'in-out' as const };
    const healing = healingOf([3], [lowRank(target, 1)]);
    const base = healedStructure(structure, healing, 'again');
    const matrix = quantisableMatrices(base).find((one) => one.tensor === tensor)!;
    const quantisation = quantisationOf();
    for (const dtype of ['q4', 'q4f16'] as const) {
      const steps = [
        { step: 'healing' as const, healing, quantised: 'again' as const },
        ...dtypeSteps(dtype, quantisation),
      ];
      const manifest = await exportManifest(opened, [3], { app: 'test', steps });
      const written = await openModel(manifestFolder(manifest, folder), manifest.graph);
      const found = written.structure.graph.initializers.get(`${tensor}_Q4`)!;
      const scales = dtype === 'q4' ? DataType.float : DataType.float16;
      const expected = packedMatrix(matrix, { settings: RTN, bits: 4, scales });
      expect(await read(written.folder, found.data)).toEqual(await read(folder, expected.weights));
    }
  });

  it('reads no weights before they are written, and holds none', async () => {
    const opened = await sample();
    const { files } = await exported(opened, quantisationOf({ embedding: 8, head: 8 }), 'q4f16');
    const data = files.find(({ path }) => /data/.test(path))!;
    const held = data.parts.filter((part) => part instanceof Uint8Array);
    expect(held.every((part) => (part as Uint8Array).every((byte) => byte === 0))).toBe(true);
    expect(data.parts.length).toBeGreaterThan(200);
  });

  it('is in espalier.json and in the README, with each part of the loss', async () => {
    const opened = await sample();
    const measure = (nll: number) => ({ nll, klDivergence: 0.25, top1Agreement: 0.5 });
    const quantisation = quantisationOf(
      { embedding: 8 },
      {
        forms: { 'model.layers.0.attn.o_proj.MatMul.weight': 8 },
        record: {
          text: { name: 'a.txt', sha256: 'ff', windows: 2, tokens: 256 },
          mixed: { kind: 'loss', nats: 0.01 },
          measured: [
            {
              set: 'held-out',
              name: 'b.txt',
              predicted: 100,
              original: { nll: 3 },
              pruned: measure(3.1),
              healed: null,
              quantised: measure(3.2),
            },
          ],
        },
      },
    );
    const manifest = await exportManifest(opened, [], {
      app: 'test',
      also: [dtypeSteps('q4', quantisation), dtypeSteps('q8', quantisationOf({ bits: 8 }))],
    });
    const text = (path: string): string =>
      new TextDecoder().decode(
        manifest.files.find((file) => file.path === path)!.parts[0] as Uint8Array,
      );
    const { computed, ...rest } = quantisation;
    const { steps, also } = readProvenance(text(PROVENANCE_FILE));
    expect(steps).toBeUndefined();
    expect(also).toMatchObject([
      {
        graph: 'onnx/model_q4.onnx',
        steps: [{ step: 'quantise', dtype: 'q4', quantisation: { ...rest, computed: 0 } }],
      },
      { graph: 'onnx/model_quantized.onnx', steps: [{ dtype: 'q8' }] },
    ]);
    const readme = text('README.md');
    expect(readme).toContain('* `onnx/model_q4.onnx`: The matrices of the blocks have 4 bits (but');
    expect(readme).toContain(
      '| b.txt (held-out text) | 100 | 20.09 | 22.2 (KL 0.25 and 50 %) | 24.53 (KL 0.25 and 50 %) |',
    );
    expect(readme).toContain('## Quantisation: q4\n');
    expect(readme).toContain('is embedding and head at once, and is written twice');
    const { 'transformers.js_config': js } = JSON.parse(text('config.json'));
    expect(js).toEqual({
      use_external_data_format: {
        'model.onnx': true,
        'model_q4.onnx': true,
        'model_quantized.onnx': true,
      },
    });
  });

  it('that cannot be written is refused in words', async () => {
    const opened = await sample();
    await expect(exported(opened, quantisationOf({}, { forms: { lost: 8 } }))).rejects.toThrow(
      'A form was chosen for the matrix lost, which the model does not have.',
    );
    const two = { app: 'test', also: [dtypeSteps('fp16'), dtypeSteps('fp16')] };
    await expect(exportManifest(opened, [], two)).rejects.toThrow(
      'Two of the precisions (that of the source, fp16, fp16) would be written as ' +
        'onnx/model_fp16.onnx.',
    );
    const genai = await openModel(await openFolder(fixturePath('genai-llama-int4-webgpu')));
    await expect(exportManifest(genai, [], { app: 'test', also: [[]] })).rejects.toThrow(
      'A folder of ONNX Runtime GenAI has one decoder',
    );
    await expect(exported(genai, quantisationOf(), 'q4f16')).rejects.toThrow(
      'It has few bits already (26 of 27 matrices).',
    );
    const few = await openModel(await openFolder(fixturePath('genai-qwen2-int4-webgpu-shared')));
    await expect(exported(few, quantisationOf({ head: 4 }), 'q4f16')).rejects.toThrow(
      'Nothing in this model can be stored in fewer bits. It has few bits already.',
    );
  });
});
