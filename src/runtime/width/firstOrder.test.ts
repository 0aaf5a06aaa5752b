// LLM-Pruner's scores, held to those of PyTorch on the sample.

import { expect, it } from 'vitest';
import { openModel } from '../../model/open/open.ts';
import { widthBlocks } from '../../model/width/find.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { fixturePath, golden, samplePath } from '../../testing/fixtures.ts';
import type { Engine } from '../device/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { ScoreSession } from '../score/session.ts';
import { type FirstOrderFound, firstOrderScores } from './firstOrder.ts';

interface Golden {
  'llmPruner-0.25': {
    groupScores: number[][];
    channelScoresFirst3: number[][];
    channelScoreSums: number[];
  };
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

function expectNear(
  found: readonly number[],
  wanted: readonly number[],
  what: string,
  within = 1e-4,
): void {
  expect(found.length, what).toBe(wanted.length);
  for (const [k, value] of wanted.entries())
    expect(Math.abs((found[k] ?? Number.NaN) / value - 1), `${what} ${k}`).toBeLessThan(within);
}

interface Options {
  graph?: string;
  budgetBytes?: number;
  /** Largest buffer of the device: gradients of larger matrices come in stripes. */
  most?: number;
}

async function scored(
  path: string,
  windows: number[][],
  { graph, budgetBytes, most }: Options = {},
): Promise<FirstOrderFound> {
  const folder = await openFolder(path);
  const opened = await openModel(folder, graph);
  const wasm = await openWasm(nodeLoader);
  const engine: Engine = most ? Object.create(wasm, { maxBufferBytes: { value: most } }) : wasm;
  const session = ScoreSession.open(opened, engine, { budgetBytes });
  const { structure } = opened;
  const blocks = widthBlocks(structure);
  try {
    return await session.alone((model) =>
      firstOrderScores({ ...model, structure, blocks, windows, onProgress: () => {} }),
    );
  } finally {
    await session.dispose();
    expect(wasm.ledger.total()).toBe(0);
    await wasm.dispose();
    await folder.close();
  }
}

it('are those of the golden', async () => {
  const wanted = golden<Golden>('width')['llmPruner-0.25'];
  const { windows } = golden('sample');
  const { scores } = await scored(samplePath(), windows, { graph: 'onnx/model.onnx' });
  for (const [block, { groups, channels }] of scores.entries()) {
    expectNear(groups, wanted.groupScores[block] ?? [], `groups of block ${block}`);
    const first = wanted.channelScoresFirst3[block];
    if (first) expectNear(channels, first, `channels of block ${block}`);
    expectNear([sum(channels)], [wanted.channelScoreSums[block] ?? 0], `all of block ${block}`);
  }
});

interface Sums {
  attention: number[];
  feedForward: number[];
  tol: number;
}

// Groups and channels share all elements of their matrices out among them.
it.each<[name: string, options?: Options]>([
  ['genai-llama-int4-webgpu'],
  ['genai-qwen3-fp32-webgpu'],
  ['optimum-opt-fp32'],
  ['optimum-llama-fp32', { budgetBytes: 560e3, most: 5000 }],
])('of %s add up to the Taylor scores of the halves', async (name, options) => {
  const { attention, feedForward, tol } = golden<{ fixtures: Record<string, Sums> }>('taylor')
    .fixtures[name] as Sums;
  const { scores } = await scored(fixturePath(name), golden(name).windows, options);
  const near = (found: number[][], wanted: number[], what: string): void => {
    for (const [block, scores] of found.entries())
      if (scores.length > 0)
        expectNear([sum(scores)], [wanted[block] ?? Number.NaN], `${what} of block ${block}`, tol);
  };
  near(
    scores.map(({ groups }) => [...groups]),
    attention,
    'groups',
  );
  near(
    scores.map(({ channels }) => [...channels]),
    feedForward,
    'channels',
  );
  expect(scores.some(({ channels }) => new Set(channels).size > 1)).toBe(true);
});
