// Adapters for PEFT: the modules that they name, and that their products are the changes of the
// healing. That PEFT loads them was tried with tools/check_peft.py (docs/formats.md).

import { describe, expect, test } from 'vitest';
import { openFolder } from '../../../node/testing/openFolder.ts';
import { fixturePath, samplePath } from '../../../testing/fixtures.ts';
import { keptBlocks } from '../../interop/remarks.ts';
import { type OpenedModel, openModel } from '../../open/open.ts';
import { asBytes, healingOf, lowRank, noise } from '../testing/synthetic.ts';
import { peftAdapter, peftObstacle } from './adapter.ts';
import type { BlockProduct } from './product.ts';
import { blockProducts } from './products.ts';

async function open(name: string, graph: string): Promise<OpenedModel> {
  return openModel(await openFolder(name === 'sample' ? samplePath() : fixturePath(name)), graph);
}

const inWords = (products: readonly BlockProduct[]): string =>
  products
    .map(({ parts }) =>
      parts
        .map(({ role, columns }) => `${role}${columns ? ` ${columns.join('-')}` : ''}`)
        .join('|'),
    )
    .join(', ');

describe('what the products of a block do', () => {
  const LLAMA = 'q 0-64, k 0-32, v 0-32, o 0-64, gate 0-96, up 0-96, down 0-64';
  test.each([
    [
      'sample',
      'onnx/model_q4.onnx',
      'q 0-128|k 128-192|v 192-256, o 0-128, gate 0-320, up 0-320, down 0-128',
    ],
    ['optimum-llama-fp32', 'onnx/model.onnx', LLAMA],
    ['dynamo-llama-op23', 'onnx/model.onnx', LLAMA],
    ['optimum-llama-nokv', 'onnx/model.onnx', LLAMA],
    ['optimum-llama-q4g', 'onnx/model_q4.onnx', LLAMA],
    [
      'genai-phi3long-fp32-cpu',
      'model.onnx',
      'q 0-64|k 64-96|v 96-128, o 0-64, gate 0-96, up 0-96, down 0-64',
    ],
    ['optimum-gptneox-fp32', 'onnx/model.onnx', 'q|k|v, o 0-64, up 0-128, down 0-64'],
    ['optimum-bloom-fp32', 'onnx/model.onnx', 'q|k|v, o 0-64, up 0-256, down 0-64'],
    ['optimum-opt-fp32', 'onnx/model.onnx', 'q 0-64, k 0-64, v 0-64, o 0-64, up 0-128, down 0-64'],
    ['optimum-gemma3-fp32', 'onnx/model.onnx', LLAMA],
  ])('%s', async (name, graph, expected) => {
    const { structure } = await open(name, graph);
    expect(inWords(blockProducts(structure, [1])[0]!)).toBe(expected);
  });

  test('experts and what is no attention are refused by block', async () => {
    for (const name of ['optimum-qwen3moe-fp32', 'genai-lfm2-fp32-cpu']) {
      const graph = name.startsWith('genai') ? 'model.onnx' : 'onnx/model.onnx';
      const { structure } = await open(name, graph);
      const blocks = structure.blocks.map(({ index }) => index);
      expect(() => blockProducts(structure, blocks)).toThrow(/products of block \d+ cannot/);
    }
  });
});

interface Stored {
  dims: number[];
  values: Float32Array;
}

/** Reads a safetensors file by the format's definition. */
function tensorsOf(bytes: Uint8Array<ArrayBuffer>): Map<string, Stored> {
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const entries = Object.entries(header).filter(([name]) => name !== '__metadata__') as [
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] },
  ][];
  expect((8 + length) % 8).toBe(0);
  expect(bytes.length).toBe(8 + length + Math.max(...entries.map(([, e]) => e.data_offsets[1])));
  return new Map(
    entries.map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => {
        expect(dtype).toBe('F32');
        return [
          name,
          {
            dims: shape,
            values: new Float32Array(bytes.slice(8 + length + from, 8 + length + to).buffer),
          },
        ];
      },
    ),
  );
}

/** An adapter as PEFT applies it: W + alpha / r * B A, by module. */
function deltasOf(files: { path: string; bytes: Uint8Array<ArrayBuffer> }[]) {
  const file = (path: string) => files.find((one) => one.path === path)!.bytes;
  const config = JSON.parse(new TextDecoder().decode(file('adapter_config.json')));
  const tensors = tensorsOf(file('adapter_model.safetensors'));
  const deltas = new Map<
    string,
    { rows: number; inputs: number; at(row: number, input: number): number }
  >();
  for (const [name, a] of tensors) {
    const found = /^base_model\.model\.(.+)\.lora_A\.weight$/.exec(name);
    if (!found) continue;
    const module = found[1]!;
    const b = tensors.get(`base_model.model.${module}.lora_B.weight`)!;
    const rank = config.rank_pattern[module] ?? config.r;
    const scale = (config.alpha_pattern[module] ?? config.lora_alpha) / rank;
    expect([a.dims[0], b.dims[1]]).toEqual([rank, rank]);
    const inputs = a.dims[1]!;
    deltas.set(module, {
      rows: b.dims[0]!,
      inputs,
      at: (row, input) => {
        let sum = 0;
        for (let k = 0; k < rank; k++)
          sum += b.values[row * rank + k]! * a.values[k * inputs + input]!;
        return scale * sum;
      },
    });
  }
  return { config, deltas };
}

const floats = (bytes: Uint8Array): Float32Array => new Float32Array(Uint8Array.from(bytes).buffer);

/** What a change adds to W (outputs, inputs) at a column of the product. */
function deltaAt(change: ReturnType<typeof lowRank>, column: number, input: number): number {
  const [a, b] = [floats(change.a), floats(change.b)];
  const inputs = a.length / change.rank;
  let sum = 0;
  for (let k = 0; k < change.rank; k++)
    sum += b[(column - change.columns[0]) * change.rank + k]! * a[k * inputs + input]!;
  return change.scale * sum;
}

test('fused projections are divided, blocks are numbered as after pruning', async () => {
  const opened = await open('sample', 'onnx/model.onnx');
  const removed = [2, 7, 8, 9];
  const kept = keptBlocks(removed, 16);
  const changes = kept.map((block) =>
    lowRank(`model.layers.${block}.attn.qkv_proj.MatMul.weight`, block, {
      inputs: 128,
      outputs: 256,
      seed: block,
    }),
  );
  const { files, notes } = peftAdapter(opened, healingOf(removed, changes), 'me/sample');
  const { config, deltas } = deltasOf(files);
  expect(config).toMatchObject({
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    r: 2,
    lora_alpha: 4,
    target_modules: ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'],
    rank_pattern: {},
    fan_in_fan_out: false,
  });
  expect(deltas.size).toBe(36);
  for (const [index, block] of [
    [0, 0],
    [2, 3],
    [11, 15],
  ] as const)
    for (const [module, from, rows] of [
      ['q', 0, 128],
      ['k', 128, 64],
      ['v', 192, 64],
    ] as const) {
      const delta = deltas.get(`model.layers.${index}.self_attn.${module}_proj`)!;
      expect([delta.rows, delta.inputs]).toEqual([rows, 128]);
      const change = changes.find((one) => one.block === block)!;
      for (const row of [0, 5, rows - 1])
        expect(delta.at(row, 17)).toBeCloseTo(deltaAt(change, from + row, 17), 6);
    }
  expect(files.map(({ path }) => path)).toContain('prune.py');
  expect(notes.join()).toContain('prune.py');
});

test('matrices of one module stand beside each other, other ranks in the pattern', async () => {
  const opened = await open('genai-phi3long-fp32-cpu', 'model.onnx');
  const products = blockProducts(opened.structure, [3])[0]!;
  const tensorOf = (role: string): string =>
    products.find(({ parts }) => parts[0]!.role === role)!.tensor;
  const gate = lowRank(tensorOf('gate'), 3, { inputs: 64, outputs: 96, rank: 2 });
  const up = {
    ...lowRank(tensorOf('up'), 3, { inputs: 64, outputs: 96, rank: 3, seed: 9 }),
    scale: 0.5,
  };
  const down = lowRank(tensorOf('down'), 3, { inputs: 96, outputs: 64, rank: 2 });
  const { files } = peftAdapter(opened, healingOf([0], [down, gate, up]), 'phi');
  const { config, deltas } = deltasOf(files);
  expect(config.target_modules).toEqual([
    'model.layers.2.mlp.down_proj',
    'model.layers.2.mlp.gate_up_proj',
  ]);
  expect(config.rank_pattern).toEqual({ 'model.layers.2.mlp.gate_up_proj': 5 });
  const delta = deltas.get('model.layers.2.mlp.gate_up_proj')!;
  expect(delta.rows).toBe(192);
  for (const input of [0, 63])
    for (const row of [0, 40, 95]) {
      expect(delta.at(row, input)).toBeCloseTo(deltaAt(gate, row, input), 6);
      expect(delta.at(96 + row, input)).toBeCloseTo(deltaAt(up, row, input), 6);
    }
});

test('what no adapter can hold is said, with what to do instead', async () => {
  const opened = await open('sample', 'onnx/model.onnx');
  const tensor = 'model.layers.3.mlp.down_proj.MatMul.weight';
  const change = lowRank(tensor, 3, { inputs: 320, outputs: 128 });
  const refitted = {
    tensor,
    block: 3,
    kind: 'replaced',
    values: asBytes(noise(320 * 128, 1, 1)),
  } as const;
  const why = (
    changes: Parameters<typeof healingOf>[1],
    removed: Parameters<typeof healingOf>[0],
  ) => peftObstacle(opened, { removed, changes })?.message;
  expect(why([refitted, change], [2])).toContain('a refit or a full training');
  expect(why([change], ['2.attn'])).toContain('2.attn, a sublayer');
  expect(why([change], [2])).toBeUndefined();
  const other = { ...opened, config: { ...opened.config, family: 'newmodel' } };
  expect(peftObstacle(other, { removed: [2], changes: [change] })?.message).toContain('"newmodel"');
  expect(() => peftAdapter(opened, healingOf([3], [change]), 'x')).toThrow(
    'block 3, which the plan',
  );
});
