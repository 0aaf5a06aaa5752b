// A matrix that is turned on its way into the graph is packed from what is stored.

import { expect, it } from 'vitest';
import { derive } from '../../onnx/bytes.ts';
import { DataType } from '../../onnx/graph.ts';
import type { DerivedRange } from '../../onnx/source.ts';
import { all, bytesOf, floats } from '../../onnx/testing/derived.ts';
import type { QuantisableMatrix } from './matrices.ts';
import { type Packing, packedMatrix } from './packed.ts';

const { float } = DataType;
const settings = { method: 'rtn', block: 32, symmetric: false, floatZeros: false };

it.each(['F32', 'F16', 'BF16'])(
  '%s that is stored by outputs is not turned twice',
  async (type) => {
    const [outputs, inputs] = [24, 64];
    const narrow = { F16: 'float32-to-float16', BF16: 'float32-to-bfloat16' }[type];
    const values = bytesOf(floats(outputs * inputs, 5));
    const stored = narrow ? await all(derive(narrow, [values], 'w')) : values;
    const parameters = { rows: outputs, columns: inputs, ...(narrow ? { type } : {}) };
    const turned = derive('transposed', [stored], 'w', parameters);
    const matrix = { tensor: 'w', kind: 'product', outputs, inputs, order: 'in-out', type: float };
    const packed = (data: QuantisableMatrix['data']) =>
      packedMatrix(
        { ...matrix, data } as unknown as QuantisableMatrix,
        { settings, bits: 4, scales: float } as unknown as Packing,
      );
    const [found, plain] = [packed(turned), packed(await all(turned))];
    const { from } = found.weights as DerivedRange;
    expect(from.parameters.order).toBe('out-in');
    for (const part of ['weights', 'scales', 'zeros'] as const)
      expect(await all(found[part]!)).toEqual(await all(plain[part]!));
  },
);
