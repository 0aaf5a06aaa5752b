// What of a block runs on positions, graph by graph: all products with weights, where the analysis
// knows the graph.

import { expect, test } from 'vitest';
import { openFolder } from '../../../node/testing/openFolder.ts';
import { DataType, type Model } from '../../../onnx/graph.ts';
import { fixturePath } from '../../../testing/fixtures.ts';
import { openModel } from '../../open/open.ts';
import { encodeInline, programModel } from '../programModel.ts';
import { makeScorePrograms } from '../programs.ts';
import { int64Tensor, makeNode } from '../rewrites.ts';
import { packedBlock } from './packedBlock.ts';
import { packedPrograms } from './packedPrograms.ts';

async function programsOf(name: string) {
  const opened = await openModel(await openFolder(fixturePath(name)));
  return makeScorePrograms(opened, { device: 'wasm' });
}

test.each([
  ['optimum-llama-fp32', 7, 7],
  ['optimum-gptneox-fp32', 4, 4],
  ['optimum-bloom-fp32', 4, 4],
  ['dynamo-llama-op23', 7, 7],
  ['genai-llama-int4-webgpu', 5, 5],
  ['genai-lfm2-fp32-cpu', 5, 5],
  ['hf-gpt2-fp32', 4, 4],
  ['optimum-opt-fp32', 6, 6],
  // Experts pick their tokens.
  ['optimum-qwen3moe-fp32', 4, 17],
])('%s: %i of %i products', async (name, shared, all) => {
  const { blocks, stateSize } = await programsOf(name);
  expect(packedBlock(blocks[0]!.program, stateSize).products).toEqual({ shared, all });
});

test('one program for blocks of a class; what two models share stays shared', async () => {
  const programs = await programsOf('hf-llama-fp32');
  const [packed, again] = [packedPrograms(programs)!, packedPrograms({ ...programs })!];
  expect(packed.blocks[0]!.program).toBe(packed.blocks[1]!.program);
  expect(packed.blocks[0]).toBe(again.blocks[0]);
  expect(packed.blocks[0]!.program.id).not.toBe(programs.blocks[0]!.program.id);
});

test('rows that influence each other are not packed', async () => {
  expect(packedPrograms(await programsOf('optimum-llama-int8'))).toBeNull();
});

test('experts take a router that runs on rows along one axis of positions', () => {
  const weights = ['router', 'up', 'up_bias', 'down', 'down_bias'];
  const float = DataType.float;
  const model: Model = {
    ...{ irVersion: 10, opsets: new Map([['', 21]]), metadata: new Map(), functions: [] },
    ...{ producerName: '', producerVersion: '' },
    graph: {
      ...{ name: 'block', valueInfo: new Map() },
      nodes: [
        makeNode('MatMul', ['x', 'router'], ['scores']),
        makeNode('Reshape', ['scores', 'shape'], ['flat']),
        makeNode('TopK', ['flat', 'two'], ['best', 'places']),
        makeNode('Shape', ['flat'], ['size']),
        makeNode('ConstantOfShape', ['size'], ['zeros']),
        makeNode('ScatterElements', ['zeros', 'places', 'best'], ['probabilities'], { axis: 1 }),
        makeNode('MoE', ['x', 'probabilities', ...weights.slice(1)], ['y'], {}, 'com.microsoft'),
      ],
      inputs: [
        { name: 'x', type: float, dims: ['batch', 'tokens', 32] },
        ...weights.map((name) => ({ name, type: float, dims: [32, 4] })),
      ],
      outputs: [{ name: 'y', type: float, dims: ['batch', 'tokens', 32] }],
      initializers: new Map(
        [int64Tensor('shape', [-1, 4]), int64Tensor('two', [2])].map((one) => [one.name, one]),
      ),
    },
  };
  const type = 'float32' as const;
  const { program, products } = packedBlock(
    {
      ...{ id: 'block', bytes: encodeInline(model), ops: {} },
      inputs: [
        { name: 'x', type, source: { kind: 'residual' } },
        ...weights.map((name) => ({ name, type, source: { kind: 'weight' as const } })),
      ],
      outputs: [{ name: 'y', type, target: { kind: 'residual' } }],
    },
    32,
  );
  expect(products).toEqual({ shared: 2, all: 2 });
  const { nodes } = programModel(program).graph;
  const [x, router] = nodes.find(({ op }) => op === 'MoE')!.inputs;
  expect(x).toBe('x');
  const gather = nodes.find(({ outputs }) => outputs[0] === router)!;
  expect([gather.op, gather.inputs[0]]).toEqual(['Gather', 'probabilities']);
});
