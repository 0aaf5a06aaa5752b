// Log-likelihoods of many sequences at a time, held to those of single windows: whatever made the
// graph, whatever the variant, shared or not, resident or streamed.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { healingOf, lowRank } from '../../model/healing/testing/synthetic.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import type { CountingFolder } from '../../node/folder.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { fixturePath, samplePath } from '../../testing/fixtures.ts';
import type { Unit } from '../../units.ts';
import type { Engine } from '../device/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { quantiseSteps } from '../quantise/testing/byRounding.ts';
import { expectedNll } from '../score/exported.ts';
import { ScoreSession } from '../score/session.ts';
import type { TaskSequence } from './batch.ts';
import { type LikelihoodVariant, likelihoods } from './likelihoods.ts';

let engine: Engine;
/** What packed programs give is multiplied by this. */
let factor = 1;

beforeAll(async () => {
  const plain = await openWasm(nodeLoader);
  engine = Object.create(plain, {
    run: {
      async value(...[compiled, feeds, keep]: Parameters<Engine['run']>) {
        const out = await plain.run(compiled, feeds, keep);
        if (factor !== 1 && feeds.has('espalier/gather/nodes'))
          for (const tensor of out.device.values()) {
            const values = (await plain.read(tensor)).data as Float32Array;
            for (const k of values.keys()) values[k]! *= factor;
          }
        return out;
      },
    },
  });
});
afterAll(async () => {
  expect(engine.ledger.total()).toBe(0);
  await engine.dispose();
});

/** Rows of two and three choices, of several lengths; single tokens and prefixes of each other. */
const SEQUENCES: readonly TaskSequence[] = [
  { context: [5, 9, 2, 77, 31, 8], ends: [[4], [6]] },
  {
    context: [5, 9, 2, 40, 41],
    ends: [
      [4, 11, 7],
      [4, 11],
      [90, 3, 3, 60],
    ],
  },
  {
    context: [64, 12, 33, 33, 33, 20, 1, 18, 81, 80, 79],
    ends: [
      [7, 7],
      [9, 21],
    ],
  },
].flatMap(({ context, ends }, group) =>
  ends.map((end) => ({ ids: [...context, ...end], predicts: end.length, group })),
);

const sumOf = (nll: Float32Array, { predicts }: TaskSequence): number =>
  -nll.slice(-predicts).reduce((sum, value) => sum + value, 0);

async function opened(
  name: string,
): Promise<{ folder: CountingFolder; model: OpenedModel; session: ScoreSession }> {
  const folder = await openFolder(name === 'sample' ? samplePath() : fixturePath(name));
  const model = await openModel(folder, name === 'sample' ? 'onnx/model.onnx' : undefined);
  return { folder, model, session: ScoreSession.open(model, engine) };
}

describe('shared prefixes', () => {
  test.each([
    ['dynamo-llama-op23', 1e-5],
    ['genai-gemma2-fp32-cpu', 1e-5],
    ['genai-lfm2-fp32-cpu', 1e-5],
    ['genai-gemma4u-fp32-cpu', 1e-5],
    ['dynamo-bamba-fp32-nokv', 1e-5],
    ['optimum-bloom-fp32', 1e-5],
    ['optimum-gemma3-fp32', 1e-5],
    ['optimum-opt-fp32', 1e-5],
    ['optimum-qwen3moe-fp32', 1e-5],
    ['optimum-llama-fp16', 1e-2],
    ['kvshare-plain', 1e-5],
    ['gguf-qwen3-q8_0', 1e-5],
    ['hf-gpt2-fp32', 1e-5],
  ])('%s', async (name, limit) => {
    const { model, session } = await opened(name);
    const variants = [{ removed: [], steps: [] }];
    const found = await likelihoods({ opened: model, session, variants, sequences: SEQUENCES });
    expect(found.notes).toEqual([]);
    expect(found.tokens).toEqual({ run: 26, unshared: 57 });
    for (const [k, sequence] of SEQUENCES.entries()) {
      const nll = await session.nllPerToken([], sequence.ids);
      const difference = Math.abs(found.sums[0]![k]! - sumOf(nll, sequence));
      expect(difference / sequence.predicts).toBeLessThan(limit);
    }
    await session.dispose();
  });

  test('one scale for all tokens of a run: nothing is shared, and it is said', async () => {
    const { model, session } = await opened('optimum-llama-int8');
    const variants = [{ removed: [], steps: [] }];
    const found = await likelihoods({ opened: model, session, variants, sequences: SEQUENCES });
    expect(found.notes.join()).toContain('No prefix was shared');
    expect(found.tokens.run).toBe(found.tokens.unshared);
    for (const k of [0, 4]) {
      const nll = await session.nllPerToken([], SEQUENCES[k]!.ids);
      expect(found.sums[0]![k]).toBe(sumOf(nll, SEQUENCES[k]!));
    }
    await session.dispose();
  });

  test('another rotary table for long rows: short ones are not padded to them', async () => {
    const { model, session } = await opened('genai-phi3long-fp32-cpu');
    const variants = [{ removed: [], steps: [] }];
    const sequences = [12, 12, 280].map((length, k) => ({
      ids: Array.from({ length }, (_, t) => (t * 37 + 11 * (k >> 1)) % 250),
      predicts: 2,
      group: k >> 1,
    }));
    const found = await likelihoods({ opened: model, session, variants, sequences });
    expect(found.notes.join()).toContain('Only sequences of one length ran together');
    for (const [k, sequence] of sequences.entries()) {
      const nll = await session.nllPerToken([], sequence.ids);
      expect(Math.abs(found.sums[0]![k]! - sumOf(nll, sequence))).toBeLessThan(1e-5);
    }
    await session.dispose();
  });

  test('numbers that are others when tokens run together are not used', async () => {
    const { model, session } = await opened('hf-llama-fp32');
    const variants = [{ removed: [], steps: [] }];
    factor = 1.01;
    const found = await likelihoods({
      opened: model,
      session,
      variants,
      sequences: SEQUENCES,
    }).finally(() => {
      factor = 1;
    });
    expect(found.notes.join()).toContain('on a trial');
    const nll = await session.nllPerToken([], SEQUENCES[3]!.ids);
    expect(Math.abs(found.sums[0]![3]! - sumOf(nll, SEQUENCES[3]!))).toBeLessThan(1e-5);
    await session.dispose();
  });
});

describe('variants', () => {
  const removed: Unit[] = [2, '5.ffn', 9];
  const healing = healingOf(removed, [
    lowRank('model.layers.6.mlp.down_proj.MatMul.weight', 6, { inputs: 320, outputs: 128 }),
  ]);
  const variants: LikelihoodVariant[] = [
    { removed: [], steps: [] },
    { removed, steps: [] },
    { removed, steps: [], healing },
    { removed, steps: quantiseSteps({}, 'q4', removed) },
  ];

  test.each(['resident', 'streamed'] as const)('of the sample, %s', async (how) => {
    const { folder, model, session } = await opened('sample');
    const own = how === 'resident' ? session : ScoreSession.open(model, engine, { streamed: true });
    const before = folder.bytesRead();
    const part = how === 'resident' ? variants : variants.slice(0, 3);
    const found = await likelihoods({
      opened: model,
      session: own,
      variants: part,
      sequences: SEQUENCES,
    });
    const read = folder.bytesRead() - before;
    expect(found.notes).toEqual([]);
    expect(found.tokens.run).toBe(26 * part.length);
    // Original, plan and healed plan read each weight once, changed ones once more.
    if (how === 'streamed') expect(read / own.memory(4, 16).bytesRead!).toBeLessThan(1.05);
    const k = 3;
    for (const [v, variant] of part.entries()) {
      const { ids } = SEQUENCES[k]!;
      const nll =
        variant.steps.length > 0
          ? await expectedNll(session, model, variant, ids)
          : await session.nllPerToken(variant.removed, ids, undefined, undefined, variant.healing);
      expect(Math.abs(found.sums[v]![k]! - sumOf(nll, SEQUENCES[k]!))).toBeLessThan(1e-4);
    }
    if (own !== session) await own.dispose();
    await session.dispose();
  });

  test('plans and sequences that cannot be are refused', async () => {
    const { model, session } = await opened('sample');
    const job = { opened: model, session };
    const none = { removed: [], steps: [] };
    await expect(
      likelihoods({ ...job, variants: [{ removed: [16], steps: [] }], sequences: SEQUENCES }),
    ).rejects.toThrow('no block 16');
    await expect(
      likelihoods({ ...job, variants: [none], sequences: [{ ids: [1, 2], predicts: 2 }] }),
    ).rejects.toThrow('cannot be predicted');
    await expect(
      likelihoods({ ...job, variants: [none], sequences: [{ ids: [1, 2048], predicts: 1 }] }),
    ).rejects.toThrow('the vocabulary ends at 2047');
    await session.dispose();
  });
});
