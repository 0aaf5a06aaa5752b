// GPTQ of every kind of block: which matrices share their inputs, and that the model stays closer
// to the original than by rounding. Weights are random: the original's own NLL tells what is right.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { openModel } from '../../../model/open/open.ts';
import { type QuantisableMatrix, quantisableMatrices } from '../../../model/quantise/matrices.ts';
import type { Structure } from '../../../model/structure/structure.ts';
import { openFolder } from '../../../node/testing/openFolder.ts';
import { DataType } from '../../../onnx/graph.ts';
import { fixturePath, golden } from '../../../testing/fixtures.ts';
import type { Engine } from '../../device/engine.ts';
import { healed } from '../../heal/testing/healed.ts';
import { ScoreSession } from '../../score/session.ts';
import { DEFAULT_KIND, openCpu } from '../../testing/cpuDevices.ts';
import { changesOf } from '../testing/changesOf.ts';
import { gptq } from './gptq.ts';
import { roundMatrix } from './gptqMatrix.ts';
import { gptqParts } from './gptqParts.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openCpu(DEFAULT_KIND);
});
afterAll(async () => {
  expect(engine.ledger.total()).toBe(0);
  await engine.dispose();
});

function matricesOf(structure: Structure): QuantisableMatrix[] {
  const all = quantisableMatrices(structure);
  return all.filter(({ kind, obstacle }) => kind === 'block' && obstacle === null);
}

const turn = async (): Promise<void> => {};
const [q, k, v, qkv, o, gate, up, down] = ['q', 'k', 'v', 'qkv', 'o', 'gate', 'up', 'down'];

// Fused and separate projections with biases, matrices stored by rows, attention and feed-forward
// side by side, experts, borrowed keys and values, convolutions, norms behind, float16.
it.each([
  ['optimum-bloom-fp32', [[qkv], [o], [up], [down]]],
  ['optimum-gptneox-fp32', [[up], [down], [qkv], [o]]],
  ['optimum-opt-fp32', [[q, k, v], [o], [up], [down]]],
  ['kvshare-plain', [[q, k, v], [o], [gate, up], [down]]],
  ['genai-lfm2-fp32-cpu', [['in'], ['out'], [gate, up], [down]]],
  ['optimum-gemma3-fp32', [[q, k, v], [o], [gate, up], [down]]],
  ['genai-llama-fp16-webgpu', [[qkv], [o], [gate, up], [down]]],
])('the matrices of %s', async (name, groups) => {
  const folder = await openFolder(fixturePath(name));
  const opened = await openModel(folder);
  const { structure } = opened;
  const session = ScoreSession.open(opened, engine);
  const matrices = matricesOf(structure);
  const partOf = new Map(matrices.map(({ tensor, part }) => [tensor, part.replace('_proj', '')]));
  const { windows } = golden(name);
  const found = await session.alone(async (model) => {
    const { parts, plain } = gptqParts({ ...model, removed: [], matrices });
    expect(plain).toEqual([]);
    expect(
      parts[1]!.groups.map((group) =>
        group.matrices.map(({ places }) => partOf.get(places[0].tensor)),
      ),
    ).toEqual(groups);
    return gptq({ ...model, removed: [], matrices, block: 16, windows, onProgress() {} });
  });
  expect(found.notes).toEqual([]);
  expect(found.computed.map(({ tensor, block }) => `${block} ${tensor}`).sort()).toEqual(
    matrices.map(({ tensor, block }) => `${block} ${tensor}`).sort(),
  );
  const form = { block: 16, scales: DataType.float } as const;
  const rounded = await Promise.all(
    matrices.map(async (matrix) => {
      const { tensor, block } = matrix;
      return {
        ...(await roundMatrix(matrix, null, form, opened.root.folder, turn)),
        tensor,
        block,
      };
    }),
  );
  const [window = []] = windows;
  const original = await session.nllPerToken([], window);
  const distance = async (computed: typeof rounded): Promise<number> => {
    const changes = await changesOf(structure, computed);
    const healing = await healed([], { changes, tokens: 0 });
    const nll = await session.nllPerToken([], window, undefined, undefined, healing);
    return nll.reduce((sum, value, at) => sum + (value - original[at]!) ** 2, 0);
  };
  expect(await distance(found.computed)).toBeLessThan(0.8 * (await distance(rounded)));
  await session.dispose();
  await folder.close();
});

it('experts that no token reaches are rounded, and said', async () => {
  const name = 'optimum-qwen3moe-fp32';
  const folder = await openFolder(fixturePath(name));
  const opened = await openModel(folder);
  const session = ScoreSession.open(opened, engine);
  const matrices = matricesOf(opened.structure);
  const found = await session.alone((model) =>
    gptq({ ...model, removed: [2], matrices, block: 16, windows: [[5, 6]], onProgress() {} }),
  );
  expect(found.computed).toHaveLength(matrices.filter(({ block }) => block !== 2).length);
  expect(found.notes).toEqual([
    expect.stringMatching(
      /^The matrices .* and \d+ more are rounded to the nearest, because .*zero/,
    ),
  ]);
  await session.dispose();
  await folder.close();
});
