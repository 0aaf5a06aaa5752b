// The first stage whose output is not finite: the case of a public report, and the same model
// damaged elsewhere.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { isRange } from '../../onnx/graph.ts';
import type { Folder } from '../../onnx/source.ts';
import { caseExpect, casePath } from '../../testing/fixtures.ts';
import { measureSource } from '../criteria/sources.ts';
import type { Engine } from '../device/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { ScoreSession } from '../score/session.ts';
import { firstRowNotFinite, notFiniteWords } from './notFinite.ts';

const NAME = 'intact-model-not-a-number';
const GRAPH = 'onnx/model.onnx';
/** Width of the model. */
const C = 16;
const { windows } = caseExpect<{ windows: number[][] }>(NAME);

let engine: Engine;
beforeAll(async () => {
  engine = await openWasm(nodeLoader);
});
afterAll(() => engine.dispose());

/** One value of a tensor, changed: its index among the elements, and what it becomes. */
type Damage = readonly [tensor: string, index: number, value: number];

const SOUND: Damage = ['model.layers.2.mlp.down_proj.weight', 0, 0];

/** The model of the case with other values; the NaN of the case is taken out. */
async function damaged(...damages: Damage[]): Promise<OpenedModel> {
  const folder = await openFolder(casePath(`${NAME}/model`));
  const { structure } = await openModel(folder, GRAPH);
  const changes = await Promise.all(
    [SOUND, ...damages].map(async ([name, index, value]) => {
      const data = structure.model.graph.initializers.get(name)?.data;
      if (!data || !isRange(data)) throw new Error(`${name} is not a range`);
      return { at: data.offset + 4 * index, bytes: new Uint8Array(Float32Array.of(value).buffer) };
    }),
  );
  const changed: Folder = {
    name: folder.name,
    files: folder.files,
    open(path) {
      const source = folder.open(path);
      if (path !== GRAPH || !source) return source;
      return {
        size: source.size,
        async read(offset, length) {
          const out = await source.read(offset, length);
          for (const { at, bytes } of changes)
            if (at >= offset && at + 4 <= offset + length) out.set(bytes, at - offset);
          return out;
        },
      };
    },
  };
  return openModel(changed, GRAPH);
}

async function sessionOf(opened: OpenedModel, streamed = false): Promise<ScoreSession> {
  return ScoreSession.open(opened, engine, { streamed });
}

const whole = async () => openModel(await openFolder(casePath(`${NAME}/model`)), GRAPH);

describe('the case', () => {
  test.each([false, true])(
    'block 2 is named, and nothing is ranked (streamed: %s)',
    async (how) => {
      const session = await sessionOf(await whole(), how);
      const curve = await session.score(windows, undefined, () => {});
      expect(curve.order).toEqual([]);
      expect(curve.baseline.ppl).toBeNull();
      expect(curve.baseline.nll).toBe(Number.POSITIVE_INFINITY);
      expect(curve.warnings).toHaveLength(1);
      expect(curve.warnings?.[0]).toMatch(
        /^The intact model gives no numbers \(NaN\), the order means nothing; block 2 is the first .* finite\. /,
      );
      // Without the block that gives NaN there are numbers: that is measured, and ranks nothing.
      expect(curve.blocks.filter(({ nll }) => Number.isFinite(nll)).map((b) => b.index)).toEqual([
        2,
      ]);
      expect(curve.hidden?.blockInfluence.map(Number.isNaN)).toEqual([false, false, true, true]);
      const parts = await session.scoreSublayers(windows, undefined, () => {});
      expect(parts.order).toEqual([]);
      expect(parts.warnings).toEqual(curve.warnings);
      await session.dispose();
    },
  );

  test('no search starts from it; without block 2 one does', async () => {
    const session = await sessionOf(await whole());
    const search = (start: number[]) =>
      session.search(
        { windows, start, locked: [], count: 1, maxPpl: null },
        undefined,
        undefined,
        () => {},
      );
    await expect(search([])).rejects.toThrow(
      /no numbers \(NaN\), so no search can go on from it; block 2 is the first/,
    );
    expect((await search([2])).steps).toHaveLength(1);
    await expect(search([0])).rejects.toThrow('The model without 0 gives no numbers');
    await session.dispose();
  });

  test('an evaluation says it, without agreement or divergence', async () => {
    const session = await sessionOf(await whole());
    const text = {
      text: { name: 'ids', sha256: '', tokens: 48 },
      segment: 24,
      stride: null,
      bos: 'none' as const,
      totalSegments: 2,
      segments: windows.slice(0, 2),
      predicts: [23, 23],
      warnings: [],
    };
    const found = await session.evaluate(text, [2], undefined, () => {});
    expect(found.warnings[0]).toContain('block 2 is the first whose output is not finite');
    expect(found).toMatchObject({ top1Agreement: null, klDivergence: null });
    expect(found.original.ppl).toBeNull();
    expect(found.plan?.ppl).toBeGreaterThan(1);
    await session.dispose();
  });
});

describe('the same model, damaged elsewhere', () => {
  const tokens = 'model.embed_tokens.weight';

  test.each<[string, Damage, RegExp]>([
    [
      'one token of the table: one window of three',
      [tokens, windows[1]![3]! * C, Number.NaN],
      /\(NaN\) in 1 of 3 windows, .*; the embedding is the first .*, from token 3 of a window on\./,
    ],
    [
      'a position beyond the first ten',
      ['model.embed_positions.weight', 10 * C, Number.NaN],
      /\(NaN\), the order .* the embedding is the first .* from token 10 of a window on\./,
    ],
    [
      'the head',
      ['lm_head.weight', 5, Number.NaN],
      /\(NaN\).*; the head is the first .* not finite\. /,
    ],
    [
      'an overflow in block 0',
      ['model.layers.0.mlp.down_proj.weight', 0, Number.POSITIVE_INFINITY],
      /block 0 is the first/,
    ],
  ])('%s', async (_, damage, words) => {
    const session = await sessionOf(await damaged(damage));
    const curve = await session.score(windows, undefined, () => {});
    expect(curve.warnings?.[0]).toMatch(words);
    expect(curve.order).toEqual([]);
    await session.dispose();
  });

  test('sound: no warning, and an order', async () => {
    const session = await sessionOf(await damaged());
    const curve = await session.score(windows, undefined, () => {});
    expect(curve.warnings).toBeUndefined();
    expect([...curve.order].sort()).toEqual([0, 1, 2, 3]);
    await session.dispose();
  });

  test('hidden states alone are said to rank nothing', async () => {
    const session = await sessionOf(await damaged([tokens, windows[1]![3]! * C, Number.NaN]));
    const opened = await whole();
    const onWindows = async () => ({ session, windows });
    const found = await measureSource('hidden', { opened, onWindows, onProgress: () => {} });
    expect(found.data.blockInfluence.every(Number.isNaN)).toBe(true);
    expect(found.warnings?.[0]).toMatch(
      /in 1 of 3 windows, Block Influence and angular distance rank nothing; the embedding/,
    );
    await session.dispose();
  });
});

describe('rows and words', () => {
  test('the first row that is not finite', () => {
    expect(firstRowNotFinite([1, 2, 3, 4, Number.NaN, 6], 2)).toBe(2);
    expect(firstRowNotFinite([1, Number.NEGATIVE_INFINITY], 2)).toBe(0);
    expect(firstRowNotFinite([1, 2], 2)).toBeNull();
    expect(firstRowNotFinite([], 4)).toBeNull();
  });

  test('float16, and a second run that gives numbers', () => {
    const words = { windows: { bad: 1, all: 1 }, so: 'the order means nothing' };
    expect(
      notFiniteWords({ stage: 3, token: 0, nll: 'infinite' }, { ...words, half: true }),
    ).toMatch(
      /no numbers \(infinite\), .* block 3 .* float16, where values beyond 65,504 overflow/,
    );
    expect(notFiniteWords({ stage: null, token: 0, nll: null }, { ...words, half: false })).toMatch(
      /every output was finite: this device gives other numbers each time/,
    );
  });
});
