// Evaluates one golden row of the sample whole, for tests; a row is 66,000 tokens, so each has a
// test file of its own.

import type { EvaluateResult } from '../../contract/evaluate.ts';
import { openModel } from '../../model/open/open.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { evaluationText as bundled, golden, samplePath } from '../../testing/fixtures.ts';
import { evaluationText } from '../evaluate/text.ts';
import { folderTokenizer } from '../score/calibration.ts';
import { ScoreSession } from '../score/session.ts';
import { DEFAULT_KIND, openCpu } from './cpuDevices.ts';

interface Row {
  removed: number[];
  segment: number;
  bos: 'none' | 'every';
  segments: number;
  ppl: number;
}

/**
 * The golden numbers of PyTorch for the original and a plan, and the result of the whole evaluation
 * text, on the faster CPU device of this machine.
 */
export async function evaluateWhole(
  removed: number[],
  segment: number,
  bos: Row['bos'],
): Promise<{ original: Row; plan: Row; result: EvaluateResult }> {
  const { results } = golden<{ results: Row[] }>('sample-evaluation');
  const row = (units: number[]): Row => {
    const found = results.find(
      (one) => one.segment === segment && one.bos === bos && one.removed.join() === units.join(),
    );
    if (!found)
      throw new Error(`no golden row without ${units.join()}, segments of ${segment}, bos ${bos}`);
    return found;
  };
  const engine = await openCpu(DEFAULT_KIND);
  const opened = await openModel(await openFolder(samplePath()), 'onnx/model.onnx');
  const session = ScoreSession.open(opened, engine);
  const request = { segment, stride: null, bos, maxSegments: null };
  const source = { name: 'evaluation.txt', text: bundled() };
  const text = await evaluationText(
    source,
    request,
    opened.summary,
    () => folderTokenizer(opened.root.folder),
    null,
  );
  const result = await session.evaluate(text, removed, undefined, () => {});
  await session.dispose();
  await engine.dispose();
  return { original: row([]), plan: row(removed), result };
}

/** |a / b - 1|. */
export function relative(a: number | null | undefined, b: number): number {
  return Math.abs((a ?? Number.NaN) / b - 1);
}
