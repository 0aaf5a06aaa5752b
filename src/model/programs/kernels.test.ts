// The table of missing kernels, held against the CPU builds of ONNX Runtime.

import { describe, expect, test } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { encodeModel } from '../../onnx/codec.ts';
import type { Graph } from '../../onnx/graph.ts';
import { graphOf, modelOf } from '../../onnx/testing/text.ts';
import { nodeLoader } from '../../runtime/device/ort.node.ts';
import { CPU_KINDS, type CpuKind } from '../../runtime/testing/cpuDevices.ts';
import { fixturePath } from '../../testing/fixtures.ts';
import { openModel } from '../open/open.ts';
import { runtime } from '../testing/ort.ts';
import { kernelObstacle } from './kernels.ts';
import { makeScorePrograms } from './programs.ts';

function experts(op: 'MoE' | 'QMoE', activation: string, fusion: number, more = ''): Graph {
  const weights =
    op === 'MoE'
      ? 'init a f32 [2,64,32]\ninit b f32 [2,32,32]'
      : 'init a0 f32 [2,64,16]\na = Cast{to=2}(a0)\ninit b0 f32 [2,32,16]\nb = Cast{to=2}(b0)\n' +
        'init as f32 [2,64]\ninit bs f32 [2,32]';
  const inputs = op === 'MoE' ? 'x, r, a, , b' : 'x, r, a, as, , b, bs';
  const bits = op === 'QMoE' ? ',expert_weight_bits=4' : '';
  const graph = graphOf(
    `in x f32 [1,3,32]\nin r f32 [3,2]\n${weights}\nout y f32 [1,3,32]\n` +
      `y = com.microsoft.${op}{k=1,swiglu_fusion=${fusion}${bits}}(${inputs}${more})`,
  );
  return withText(graph, op, 'activation_type', activation);
}

function withText(graph: Graph, op: string, name: string, text: string): Graph {
  const value = new TextEncoder().encode(text);
  for (const node of graph.nodes)
    if (node.op === op) node.attributes.set(name, { name, kind: 'string', value });
  return graph;
}

/** True when the CPU makes a session of the graph. */
async function compiles(graph: Graph, kind: CpuKind): Promise<boolean> {
  const { InferenceSession } = kind === 'wasm' ? await runtime() : await nodeLoader.native!();
  const bytes = encodeModel(modelOf(graph), () => new Uint8Array());
  try {
    await (await InferenceSession.create(bytes, { logSeverityLevel: 4 })).release();
    return true;
  } catch {
    return false;
  }
}

describe('the table of missing kernels', () => {
  test.each([
    ['MoE', 'relu', 1],
    ['MoE', 'gelu', 0],
    ['MoE', 'silu', 1],
    ['MoE', 'identity', 1],
    ['MoE', 'swiglu', 0],
    ['MoE', 'swiglu', 1],
    ['MoE', 'swiglu', 2],
    ['MoE', 'geglu', 1],
    ['MoE', 'relu2', 1],
    ['QMoE', 'silu', 1],
    ['QMoE', 'swiglu', 1],
    ['QMoE', 'swiglu', 2],
    ['QMoE', 'geglu', 1],
  ] as const)('says of %s with %s and fusion %d what the CPU says', async (op, act, fusion) => {
    const graph = experts(op, act, fusion);
    for (const kind of CPU_KINDS)
      expect(kernelObstacle(graph, kind) === null, kind).toBe(await compiles(graph, kind));
  });

  test('names operator, attribute and devices', () => {
    expect(kernelObstacle(experts('MoE', 'geglu', 1), 'wasm', 'webgpu')).toBe(
      'ONNX Runtime Web has no kernel for MoE with activation_type geglu (MoE_0), neither on the ' +
        'CPU (wasm) nor on WebGPU.',
    );
    expect(kernelObstacle(experts('MoE', 'geglu', 1), 'cpu')).toMatch(
      /^ONNX Runtime has no kernel for MoE .* on the CPU \(native\)\.$/,
    );
    const silu = experts('QMoE', 'silu', 1);
    expect(kernelObstacle(silu, 'webgpu')).toMatch(/activation_type silu \(.*\) on WebGPU\.$/);
    expect([kernelObstacle(silu, 'wasm'), kernelObstacle(silu, 'wasm', 'webgpu')]).toEqual([
      null,
      null,
    ]);
  });

  test('knows weights that the CPU would take for integers, and experts of three weights', () => {
    const fp4 = withText(experts('QMoE', 'swiglu', 1), 'QMoE', 'quant_type', 'fp4');
    expect(kernelObstacle(fp4, 'wasm', 'webgpu')).toMatch(/QMoE with quant_type fp4/);
    const third = experts('MoE', 'silu', 1, ', , a');
    expect(kernelObstacle(third, 'wasm', 'webgpu')).toMatch(/MoE with a third weight/);
  });

  test('says of matrices in few bits what the CPU and WebGPU have', async () => {
    const floats = graphOf(
      'in x f32 [1,3,64]\ninit q0 f32 [8,2,32]\nq = Cast{to=2}(q0)\ninit s f32 [8,2]\n' +
        'init z f32 [8,2]\nout y f32 [1,3,8]\n' +
        'y = com.microsoft.MatMulNBits{K=64,N=8,bits=8,block_size=32}(x, q, s, z)',
    );
    expect(kernelObstacle(floats, 'wasm', 'webgpu')).toMatch(
      /MatMulNBits with 8 bits and zero points that are floats \(.*neither/,
    );
    for (const { attributes } of floats.nodes)
      if (attributes.has('bits')) attributes.set('bits', { name: 'bits', kind: 'int', value: 4 });
    expect(kernelObstacle(floats, 'wasm')).toBeNull();
    const table = graphOf(
      'in i i64 [3]\ninit q u8 [9,24]\ninit s f32 [9,3]\ninit z u8 [9,2]\nout y f32 [3,48]\n' +
        'y = com.microsoft.GatherBlockQuantized{bits=4,block_size=16,gather_axis=0,' +
        'quantize_axis=1}(q, i, s, z)',
    );
    expect(kernelObstacle(table, 'webgpu')).toMatch(/rows of 3 blocks, an odd number/);
    expect([kernelObstacle(table, 'wasm'), await compiles(table, 'wasm')]).toEqual([null, true]);
  });

  test('is what a model says of itself before anything runs', async () => {
    const folder = await openFolder(fixturePath('genai-lfm2-fp32-cpu'));
    const opened = await openModel(folder);
    expect(opened.summary.problems).toEqual([]);
    for (const node of opened.structure.graph.nodes)
      if (node.op === 'CausalConvWithState')
        node.attributes.set('state_window', { name: 'state_window', kind: 'int', value: 4 });
    for (const device of ['wasm', 'webgpu'] as const)
      expect(() => makeScorePrograms(opened, { device })).toThrow(
        /^ONNX Runtime Web has no kernel for CausalConvWithState with state_window 4 /,
      );
  });
});
