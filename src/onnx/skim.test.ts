// Opening reads the graph, not the weights; damaged files give coded errors only.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { EspalierError } from '../errors.ts';
import { fixturePath, samplePath } from '../testing/fixtures.ts';
import { encodeModel } from './codec.ts';
import { DataType, isRange, type Model } from './graph.ts';
import { readModel } from './read.ts';
import { skimModel } from './skim.ts';
import type { ByteSource } from './source.ts';
import { diskFolder } from './testing/diskFolder.ts';
import { memoryFolder, modelOf } from './testing/text.ts';

const inline = (model: Model): Uint8Array =>
  encodeModel(model, (_, range) => new Uint8Array(range.length));

describe('skimModel', () => {
  it('keeps payloads above 1 KiB as ranges of the graph file, at the right place', async () => {
    const model = modelOf(
      'in x f32 [4,256]\ninit w f32 [256,2]\ninit small f32 [256]\ny = Add(x, small)\nz = ' +
        'MatMul(y, w)\nout z f32 [4,2]',
    );
    const bytes = inline(model);
    const { graph } = await readModel(memoryFolder({ 'onnx/m.onnx': bytes }), 'onnx/m.onnx');
    const range = graph.initializers.get('w')!.data;
    expect(isRange(range) && range.file).toBe('onnx/m.onnx');
    if (!isRange(range)) return;
    expect(bytes.slice(range.offset, range.offset + range.length)).toEqual(
      model.graph.initializers.get('w')!.data,
    );
    expect(graph.initializers.get('small')!.data).toEqual(
      model.graph.initializers.get('small')!.data,
    );
  });

  it('keeps large payloads of Constant nodes and subgraphs as ranges too', async () => {
    const big = {
      name: 'c',
      type: DataType.float,
      dims: [300],
      data: new Uint8Array(1200).fill(7),
    };
    const model = modelOf(
      'in x f32 [300]\nc = Constant()\ny = Add(x, c)\nz = If(y)\nout z f32 [300]',
    );
    model.graph.nodes[0]!.attributes.set('value', { name: 'value', kind: 'tensor', value: big });
    const branch = modelOf('w = Identity(c2)\nout w f32 [300]').graph;
    branch.initializers.set('c2', { ...big, name: 'c2' });
    model.graph.nodes[2]!.attributes.set('then_branch', {
      name: 'then_branch',
      kind: 'graph',
      value: branch,
    });
    const bytes = inline(model);
    const { graph } = await readModel(memoryFolder({ 'm.onnx': bytes }), 'm.onnx');
    const constant = graph.nodes[0]!.attributes.get('value');
    const inner = graph.nodes[2]!.attributes.get('then_branch');
    for (const tensor of [
      constant?.kind === 'tensor' && constant.value,
      inner?.kind === 'graph' && inner.value.initializers.get('c2'),
    ]) {
      expect(
        tensor &&
          isRange(tensor.data) &&
          bytes.slice(tensor.data.offset, tensor.data.offset + 1200),
      ).toEqual(big.data);
    }
  });

  it('jumps over the weights of a large file', async () => {
    const payload = 64 * 1024 * 1024;
    const head = inline(modelOf('in x f32 [1]\ny = Neg(x)\nout y f32 [1]'));
    // graph (field 7) { initializer (field 5) { dims, data_type = float, name, raw_data } } as a
    // second, merged graph field, all lengths by hand.
    const tensor = Uint8Array.from([
      8,
      ...varint(payload / 4),
      16,
      1,
      66,
      1,
      119,
      74,
      ...varint(payload),
    ]);
    const graph = Uint8Array.from([42, ...varint(tensor.length + payload), ...tensor]);
    const start = Uint8Array.from([...head, 58, ...varint(graph.length + payload), ...graph]);
    let read = 0;
    const source: ByteSource = {
      size: start.length + payload,
      async read(offset, length) {
        read += length;
        const out = new Uint8Array(length);
        out.set(start.subarray(offset, offset + length));
        return out;
      },
    };
    const skeleton = await skimModel(source, 'big.onnx');
    expect(skeleton.length).toBeLessThan(500);
    expect(read).toBeLessThan(payload / 1000);
  });

  it('reads none of the sample weights', async () => {
    const folder = diskFolder(samplePath());
    await readModel(folder, 'onnx/model.onnx');
    const size = folder.files.find((f) => f.path === 'onnx/model.onnx')!.size;
    expect(folder.read.bytes).toBeLessThanOrEqual(size + 40);
  });
});

describe('bad files', () => {
  let good: Uint8Array;
  beforeAll(() => {
    good = new Uint8Array(readFileSync(fixturePath('genai-lfm2-fp32-cpu/model.onnx')));
  });
  const open = (bytes: Uint8Array | string): Promise<Model> =>
    readModel(
      memoryFolder({ 'model.onnx': bytes, 'model.onnx.data': new Uint8Array(924160) }),
      'model.onnx',
    );

  it('says what is wrong with files that are no models', async () => {
    await expect(open('')).rejects.toThrow(/model.onnx is not an ONNX file: it is empty/);
    await expect(open('version https://git-lfs.github.com/spec/v1\noid sha256:1')).rejects.toThrow(
      /Git LFS pointer/,
    );
    await expect(open('{"model_type": "llama", "layers": 3}')).rejects.toThrow(
      /is not an ONNX file/,
    );
    await expect(open(new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]))).rejects.toThrow(
      /is not an ONNX file/,
    );
    await expect(open(new Uint8Array([8, 10]))).rejects.toThrow(/it holds no graph/);
    await expect(readModel(memoryFolder({}), 'model.onnx')).rejects.toThrow(
      /There is no model.onnx/,
    );
  });

  it('says that a file is cut off', async () => {
    for (const part of [0.1, 0.5, 0.99])
      await expect(open(good.slice(0, Math.floor(good.length * part)))).rejects.toThrow(
        /is cut off.*\d+ bytes/,
      );
  });

  it('gives only coded errors for any truncation or mutation', async () => {
    const attempt = async (bytes: Uint8Array): Promise<void> => {
      try {
        await open(bytes);
      } catch (error) {
        if (!(error instanceof EspalierError)) throw error;
        expect(error.code === 'bug').toBe(false);
      }
    };
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length), (n) => attempt(good.slice(0, n))),
      { numRuns: 60 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        (edits) => {
          const bytes = good.slice();
          for (const [at, value] of edits) bytes[at] = value;
          return attempt(bytes);
        },
      ),
      { numRuns: 250 },
    );
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), attempt), { numRuns: 200 });
  });

  it('stops at graphs nested without end', async () => {
    let bytes: Uint8Array = new Uint8Array(1100);
    const wrap = (field: number): void => {
      bytes = Uint8Array.from([field * 8 + 2, ...varint(bytes.length), ...bytes]);
    };
    for (let i = 0; i < 100; i++) for (const field of [6, 5, 1]) wrap(field);
    wrap(7);
    await expect(open(bytes)).rejects.toThrow(/messages nested more than 64 deep/);
  });
});

function varint(n: number): number[] {
  return n < 128 ? [n] : [(n % 128) | 128, ...varint(Math.floor(n / 128))];
}
