// Products of accuracy level 4, against native ONNX Runtime's kernels for weights that lie in the
// graph.

import { expect, test } from 'vitest';
import { decodeModel, encodeModel } from '../../onnx/codec.ts';
import { evaluateOn } from '../../runtime/device/checks.ts';
import { fewBitsProbe } from '../../runtime/device/fewBits/probe.ts';
import { HAS_NATIVE, openCpu } from '../../runtime/testing/cpuDevices.ts';
import { roundActivations } from './roundActivations.ts';

const inline = (): never => {
  throw new Error('external');
};

test.skipIf(!HAS_NATIVE)('activations are rounded as native kernels do', async () => {
  const [native, wasm] = [await openCpu('cpu'), await openCpu('wasm')];
  for (const bits of [4, 8] as const)
    for (const inputs of [128, 104, 20]) {
      const form = { bits, block: 32, zeros: 'integers', type: 'float32' } as const;
      const sizes = { rows: 7, outputs: 33, inputs };
      const level4 = { packed: true, accuracyLevel: 4 };
      const { probe, expected } = fewBitsProbe(form, sizes, level4);
      const rounded = await evaluateOn(native)(probe);
      const model = decodeModel(probe.program.bytes, inline);
      const { graph } = model;
      const subgraph = { ...graph, inputs: ['left'], outputs: ['product'] };
      expect(roundActivations(subgraph, 18)).toBe(1);
      const bytes = encodeModel(
        {
          ...model,
          graph: { ...graph, nodes: subgraph.nodes, initializers: subgraph.initializers },
        },
        inline,
      );
      const program = { ...probe.program, bytes };
      const found = await evaluateOn(wasm)({ ...probe, program });
      const off = (values: ArrayLike<number>): number =>
        Math.max(...Array.from(rounded, (value, k) => Math.abs(value - values[k]!)));
      expect(off(found)).toBeLessThan(1e-5);
      // The rounding itself is far larger.
      expect(off(expected)).toBeGreaterThan(1e-3);
    }
  await Promise.all([native.dispose(), wasm.dispose()]);
});
