// Which forms of matrices in few bits the CPU devices multiply by, and rightly; a device that does
// not is found out.

import { afterAll, describe, expect, test } from 'vitest';
import { BLOCK_SIZES } from '../../../model/quantise/quantisation.ts';
import { graphOf } from '../../../onnx/testing/text.ts';
import { CPU_KINDS, openCpu } from '../../testing/cpuDevices.ts';
import { evaluateOn } from '../checks.ts';
import type { Engine } from '../engine.ts';
import { fewBitsForms, requireFewBits } from './check.ts';
import { type FewBitsForm, fewBitsProbe } from './probe.ts';

const engines = await Promise.all(CPU_KINDS.map(openCpu));
afterAll(() => Promise.all(engines.map((engine) => engine.dispose())));

const FORMS = BLOCK_SIZES.flatMap((block) =>
  ([4, 8] as const).flatMap((bits) =>
    (['none', 'integers', 'floats'] as const).flatMap((zeros) =>
      (block === 32 ? (['float32', 'float16'] as const) : (['float32'] as const)).map(
        (type): FewBitsForm => ({ bits, block, zeros, type }),
      ),
    ),
  ),
);

describe('matrices in few bits', () => {
  test.each(engines.map((engine) => [engine.name, engine] as const))('%s', async (_, engine) => {
    for (const form of FORMS) {
      const tried = requireFewBits(engine, [form]);
      // The only form without a kernel.
      if (form.bits === 8 && form.zeros === 'floats') await expect(tried).rejects.toThrow();
      else await tried;
    }
    expect(engine.ledger.total()).toBe(0);
  });

  test('that lie in the graph, narrower than a block and of one row', async () => {
    for (const engine of engines)
      for (const zeros of ['none', 'integers'] as const) {
        const form = { bits: 4, block: 128, zeros, type: 'float32' } as const;
        const sizes = { rows: 1, outputs: 3, inputs: 100 };
        const { probe, expected } = fewBitsProbe(form, sizes, { packed: true });
        const found = await evaluateOn(engine)(probe);
        for (const [k, value] of expected.entries())
          expect(Math.abs(value - (found[k] ?? Number.NaN))).toBeLessThan(1e-5);
      }
  });

  test('multiplied wrongly are refused, once for all', async () => {
    const form: FewBitsForm = { bits: 4, block: 32, zeros: 'integers', type: 'float32' };
    let runs = 0;
    const [right] = engines as [Engine];
    const wrong = Object.create(right) as Engine;
    Object.assign(wrong, {
      run: async (...given: Parameters<Engine['run']>) => {
        runs += 1;
        const outputs = await right.run(...given);
        for (const { data } of outputs.host.values()) data[5] = 1.5;
        return outputs;
      },
    });
    for (let k = 0; k < 2; k++)
      await expect(requireFewBits(wrong, [form])).rejects.toMatchObject({
        code: 'unsupported-op',
        message: expect.stringContaining(
          'multiplies by matrices of 4 bits in blocks of 32 wrongly',
        ),
      });
    expect(runs).toBe(1);
  });

  test('are found in a graph', () => {
    const graph = graphOf(
      'in x f32 [1,3,64]\ninit q f32 [8]\ninit s f32 [8,2]\ninit z f32 [8,2]\nout y f32 [1,3,8]\n' +
        'a = com.microsoft.MatMulNBits{K=64,N=8,bits=4,block_size=32}(x, q, s, z)\n' +
        'b = com.microsoft.MatMulNBits{K=64,N=8,bits=8,block_size=32}(x, q, s)\n' +
        'c = com.microsoft.MatMulNBits{K=64,N=8,bits=8,block_size=32}(x, q, s)\n' +
        'y = Add(a, b)',
    );
    expect(fewBitsForms(graph)).toEqual([
      { bits: 4, block: 32, zeros: 'floats', type: 'float32' },
      { bits: 8, block: 32, zeros: 'none', type: 'float32' },
    ]);
  });
});
