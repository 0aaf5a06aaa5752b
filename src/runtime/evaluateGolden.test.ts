// Whole evaluation texts against PyTorch: perplexity of the sample and of plans by the paper's protocol.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openModel } from '../model/open.ts';
import { evaluationText as bundled, golden, nodeFolder, samplePath } from '../onnx/testing/fixtures.ts';
import { folderTokenizer } from './calibration.ts';
import type { Engine } from './device.ts';
import { evaluationText } from './evaluationText.ts';
import { nodeLoader } from './ort.node.ts';
import { ScoreSession } from './session.ts';
import { openWasm } from './wasmEngine.ts';

interface Row {
  removed: number[];
  segment: number;
  bos: 'none' | 'every';
  segments: number;
  ppl: number;
}

const { results } = golden<{ results: Row[] }>('sample-evaluation');
const rowOf = (removed: number[], segment: number, bos: Row['bos']): Row =>
  results.find((row) => row.segment === segment && row.bos === bos && row.removed.join() === removed.join())!;

let engine: Engine;
beforeAll(async () => {
  engine = await openWasm(nodeLoader);
});
afterAll(() => engine.dispose());

describe('the golden evaluation of the sample', () => {
  // About 65,000 tokens each: more rows would cost minutes.
  test.each([
    { removed: [7, 9], segment: 128, bos: 'none' },
    { removed: [], segment: 512, bos: 'none' },
  ] as const)(
    'without $removed, segments of $segment, bos $bos: PPL within 1e-4 relative',
    async ({ removed, segment, bos }) => {
      const opened = await openModel(await nodeFolder(samplePath()), 'onnx/model.onnx');
      const session = ScoreSession.open(opened, engine);
      const wanted = { segment, stride: null, bos, maxSegments: null };
      const source = { name: 'evaluation.txt', text: bundled() };
      const text = await evaluationText(source, wanted, opened.summary, () => folderTokenizer(opened.folder), null);
      const result = await session.evaluate(text, removed, undefined, () => {});
      const [intact, pruned] = [rowOf([], segment, bos), rowOf([...removed], segment, bos)];
      expect(result.segments).toBe(intact.segments);
      expect(Math.abs((result.original.ppl ?? Number.NaN) / intact.ppl - 1)).toBeLessThan(1e-4);
      expect(Math.abs(((result.plan ?? result.original).ppl ?? Number.NaN) / pruned.ppl - 1)).toBeLessThan(1e-4);
      await session.dispose();
    },
    300_000,
  );
});
