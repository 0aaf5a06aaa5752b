// External data: the range that is meant, or a sentence that names the file.

import { describe, expect, it } from 'vitest';
import { encodeModel } from './codec.ts';
import { externalResolver, joinPath } from './external.ts';
import { DataType, isRange } from './graph.ts';
import { readModel } from './read.ts';
import { inFile } from './testing/inFile.ts';
import { memoryFolder, modelOf } from './testing/text.ts';

const folder = memoryFolder({
  'onnx/m.onnx': new Uint8Array(10),
  'onnx/m.onnx_data': new Uint8Array(100),
  'shared.bin': new Uint8Array(50),
});
const resolve = externalResolver(folder, 'onnx/m.onnx');

describe('externalResolver', () => {
  it('takes locations relative to the graph file', () => {
    expect(resolve({ location: 'm.onnx_data', offset: 60, length: 40 }, 'w', 40)).toEqual({
      file: 'onnx/m.onnx_data',
      offset: 60,
      length: 40,
    });
    expect(resolve({ location: '../shared.bin', offset: 0, length: null }, 'w', 16)).toEqual({
      file: 'shared.bin',
      offset: 0,
      length: 16,
    });
    expect(resolve({ location: './/m.onnx_data', offset: 0, length: 0 }, 'w', 0).file).toBe(
      'onnx/m.onnx_data',
    );
  });

  it('refuses paths that leave the folder', () => {
    for (const location of [
      '../../x',
      '/etc/passwd',
      '\\\\host\\x',
      'C:\\x',
      'a/../../../x',
      'x\u0000y',
    ]) {
      expect(() => joinPath('onnx/m.onnx', location)).toThrow(/outside the model folder/);
    }
  });

  it('names a missing file, and a short one with both sizes', () => {
    expect(() => resolve({ location: 'gone.bin', offset: 0, length: 4 }, 'w', 4)).toThrow(
      /onnx\/gone.bin is not in the folder memory/,
    );
    expect(() => resolve({ location: 'm.onnx_data', offset: 80, length: 40 }, 'w', 40)).toThrow(
      /m.onnx_data is too short: tensor w ends at byte 120 and the file has 100 bytes/,
    );
    expect(() => resolve({ location: 'm.onnx_data', offset: 0, length: 8 }, 'w', 40)).toThrow(
      /needs 40 bytes, but the graph gives it 8 in onnx\/m.onnx_data/,
    );
    expect(() => resolve({ location: 'm.onnx_data', offset: 0, length: null }, 'w', null)).toThrow(
      /how long tensor w/,
    );
  });

  it('loads small integer operands that an exporter moved out, not weights', async () => {
    const model = modelOf(
      'in x f32 [2]\ninit shape i64 [1]\ninit w f32 [2]\ny = Reshape(x, shape)\nz = Add(y, ' +
        'w)\nout z f32 [2]',
    );
    model.graph.initializers.set('shape', {
      name: 'shape',
      type: DataType.int64,
      dims: [1],
      data: { file: 'd', offset: 8, length: 8 },
    });
    model.graph.initializers.set('w', {
      name: 'w',
      type: DataType.float,
      dims: [2],
      data: { file: 'd', offset: 0, length: 8 },
    });
    model.graph.initializers.set('other', {
      name: 'other',
      type: DataType.int32,
      dims: [],
      data: { file: 'd', offset: 9000, length: 4 },
    });
    const bytes = encodeModel(
      model,
      inFile((r) => ({
        location: r.file,
        offset: r.offset,
        length: r.length,
      })),
    );
    const { graph } = await readModel(
      memoryFolder({ 'm.onnx': bytes, d: Uint8Array.from({ length: 9004 }, (_, i) => i) }),
      'm.onnx',
    );
    expect(graph.initializers.get('shape')!.data).toEqual(
      Uint8Array.from([8, 9, 10, 11, 12, 13, 14, 15]),
    );
    expect(graph.initializers.get('other')!.data).toEqual(Uint8Array.from([40, 41, 42, 43]));
    expect(isRange(graph.initializers.get('w')!.data)).toBe(true);
  });
});
