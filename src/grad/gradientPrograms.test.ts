// What gradient programs share, what they refuse, and which weights they count.

import { describe, expect, it } from 'vitest';
import { EspalierError } from '../errors.ts';
import { countedTensors } from '../model/criteria/linear.ts';
import { openModel } from '../model/open/open.ts';
import type { Program, ScorePrograms } from '../model/programs/program.ts';
import { encodeInline, programModel } from '../model/programs/programModel.ts';
import { makeScorePrograms } from '../model/programs/programs.ts';
import { fitted } from '../model/programs/widen.ts';
import { openFolder } from '../node/testing/openFolder.ts';
import { DataType, elementCount } from '../onnx/graph.ts';
import { fixturePath } from '../testing/fixtures.ts';
import { Builder } from './build/builder.ts';
import { type GradientOptions, makeGradientPrograms } from './gradientPrograms.ts';
import { sweep } from './sweep.ts';
import { stripesOf } from './taps.ts';

const RUN = { rows: 2, length: 8 };
const OPTIONS: GradientOptions = {
  run: RUN,
  predictions: 14,
  accumulate: true,
  kinds: ['linear', 'norm'],
  feedsNibbles: true,
  maxBufferBytes: 2 ** 27,
};

async function opened(name: string) {
  const folder = await openFolder(fixturePath(name));
  const source = await openModel(folder);
  const programs = fitted(makeScorePrograms(source, { device: 'wasm' }), false);
  await folder.close();
  return { structure: source.structure, programs };
}

/** The programs with one operator of all blocks called something else. */
function renamed(programs: ScorePrograms, from: string, to: string): ScorePrograms {
  const done = new Map<Program, Program>();
  const rename = (program: Program): Program => {
    const model = programModel(program);
    for (const node of model.graph.nodes) if (node.op === from) node.op = to;
    return { ...program, bytes: encodeInline(model) };
  };
  const blocks = programs.blocks.map((bound) => {
    const program = done.get(bound.program) ?? rename(bound.program);
    done.set(bound.program, program);
    return { ...bound, program };
  });
  return { ...programs, blocks };
}

describe('gradient programs', () => {
  it('are shared by blocks of one class, as score programs are', async () => {
    const { structure, programs } = await opened('genai-llama-fp32-webgpu');
    const gradients = makeGradientPrograms(structure, programs, OPTIONS);
    const [first, second] = [0, 1].map((block) => gradients.block(block, RUN));
    expect(second?.bound.program).toBe(first?.bound.program);
    expect(second?.scoring?.program).toBe(first?.scoring?.program);
    expect([...(second?.bound.weights.values() ?? [])].map(({ name }) => name)).not.toEqual(
      [...(first?.bound.weights.values() ?? [])].map(({ name }) => name),
    );
    const other = gradients.block(0, { rows: 1, length: 8 });
    expect(other.bound.program.id).not.toBe(first?.bound.program.id);
  });

  it('are not shared by blocks of one class that read different masks', async () => {
    const { structure, programs } = await opened('optimum-gemma3-fp32');
    expect(new Set(programs.blocks.map(({ program }) => program)).size).toBe(1);
    const run = { rows: 1, length: 24 };
    const gradients = makeGradientPrograms(structure, programs, { ...OPTIONS, run });
    const made = programs.blocks.map((_, block) => gradients.block(block, run).bound.program);
    expect(new Set(made).size).toBe(2);
  });

  it('are refused with the operator and the block, before anything runs', async () => {
    const { structure, programs } = await opened('genai-llama-fp32-webgpu');
    const strange = renamed(programs, 'Sigmoid', 'HardSwish');
    const gradients = makeGradientPrograms(structure, strange, OPTIONS);
    expect(gradients.obstacle).toMatchObject({ code: 'unsupported-op' });
    expect(gradients.obstacle?.message).toMatch(/block 0 .*HardSwish \(n\d+\)/);
    expect(() => gradients.block(1, RUN)).toThrow(EspalierError);
    expect(makeGradientPrograms(structure, programs, OPTIONS).obstacle).toBeNull();
  });

  it.each(['optimum-llama-fp32', 'genai-lfm2-fp32-cpu', 'genai-qwen3-fp32-webgpu'])(
    'of %s count the weights that magnitudes count',
    async (name) => {
      const { structure, programs } = await opened(name);
      const gradients = makeGradientPrograms(structure, programs, OPTIONS);
      for (const block of programs.blocks.keys()) {
        const own = countedTensors(structure).filter(({ blocks }) => blocks.has(block));
        const { taps } = gradients.block(block, RUN);
        const sizes = (all: { kind: string; dims: readonly number[] }[]): string[] =>
          all.map(({ kind, dims }) => `${kind} ${elementCount(dims)}`).sort();
        expect(sizes([...taps])).toEqual(
          sizes(own.map(({ kind, tensor }) => ({ kind, dims: tensor.dims }))),
        );
      }
    },
  );

  it('give biases when they are asked for', async () => {
    const { structure, programs } = await opened('genai-qwen2-int4-webgpu-shared');
    const kinds = ['linear', 'norm', 'bias'] as const;
    const gradients = makeGradientPrograms(structure, programs, { ...OPTIONS, kinds });
    expect(gradients.block(0, RUN).taps.map(({ kind }) => kind)).toContain('bias');
  });
});

describe('a sweep', () => {
  it('does not pass over quantised activations in silence', () => {
    const x = { type: DataType.float, dims: [2, 3] };
    const b = new Builder([['x', x]], { opset: 21 });
    const scale = b.scalar(0.1);
    const type = DataType.uint8;
    const q = b.op('QuantizeLinear', ['x', scale], [2, 3], {}, { type });
    const back = b.op('DequantizeLinear', [q, scale], [2, 3], {}, { type: DataType.float });
    const y = b.add('x', back);
    const seeds = new Map([[y, b.constant(DataType.float, [2, 3], [1, 2, 3, 4, 5, 6])]]);
    expect(() => sweep(b, { seeds, leaves: ['x'], known: () => null })).toThrow(/DequantizeLinear/);
  });
});

describe('stripes of a matrix', () => {
  it('cover all rows once and stay under the limit', () => {
    for (const [rows, columns, limit] of [
      [7, 5, 60],
      [64, 64, 5000],
      [3, 10, 1],
      [128, 8, 2 ** 20],
    ] as const) {
      const stripes = stripesOf([rows, columns], limit);
      expect(stripes.map(({ from }) => from)).toEqual([
        0,
        ...stripes.slice(0, -1).map(({ to }) => to),
      ]);
      expect(stripes.at(-1)?.to).toBe(rows);
      const most = Math.max(limit, columns * 4);
      for (const { from, to } of stripes)
        expect((to - from) * columns * 4).toBeLessThanOrEqual(most);
      expect(stripes[0]?.whole).toBe(stripes.length === 1);
    }
  });
});
