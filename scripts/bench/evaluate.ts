// Evaluation by the paper's protocol: tokens per second, and perplexities of whole texts against
// PyTorch.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Stat, statOf } from '../../src/analysis/speed.ts';
import { evaluationText } from '../../src/runtime/evaluate/text.ts';
import { ScoreSession } from '../../src/runtime/score/session.ts';
import { golden } from '../../src/testing/fixtures.ts';
import { openSample } from './scored.ts';

export interface EvaluateRow {
  name: string;
  device: string;
  segment: number;
  segments: number;
  tokens: number;
  removed: number[];
  /** Of the text, from the request to the result; the plan's own tokens do not count again. */
  speed: Stat;
  ok: true;
}

/** A whole text, original and plan, against PyTorch. */
export interface EvaluateGoldenRow {
  name: string;
  /** The larger of both |PPL / golden - 1|. */
  pplError: number;
  limit: number;
  ok: boolean;
}

interface Golden {
  removed: number[];
  segment: number;
  bos: 'none' | 'every';
  ppl: number;
}

const SEGMENT = 128;
const SEGMENTS = 80;
const ROUNDS = 3;
const LIMIT = 1e-4;
const WHOLE: Omit<Golden, 'ppl'>[] = [
  { removed: [7, 9], segment: 128, bos: 'none' },
  { removed: [2, 7, 8, 9], segment: 128, bos: 'every' },
  { removed: [7, 9], segment: 512, bos: 'none' },
];

export async function benchEvaluate(root: string): Promise<(EvaluateRow | EvaluateGoldenRow)[]> {
  const sample = await openSample(root);
  const session = ScoreSession.open(sample.opened, sample.engine);
  const source = {
    name: 'evaluation.txt',
    text: readFileSync(join(root, 'public/text/evaluation.txt'), 'utf8'),
  };
  const wanted = { segment: SEGMENT, stride: null, bos: 'none', maxSegments: SEGMENTS } as const;
  const text = await evaluationText(
    source,
    wanted,
    sample.opened.summary,
    async () => sample.tokenizer,
    null,
  );
  const tokens = text.segments.reduce((sum, segment) => sum + segment.length, 0);
  // Programs are compiled and weights read.
  await session.evaluate({ ...text, segments: text.segments.slice(0, 2) }, [], undefined, () => {});
  const rows: (EvaluateRow | EvaluateGoldenRow)[] = [];
  for (const removed of [[], [7, 9]]) {
    const speeds: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { seconds } = await session.evaluate(text, removed, undefined, () => {});
      speeds.push(tokens / seconds);
    }
    rows.push({
      name: removed.length > 0 ? `sample, and without blocks ${removed.join(' and ')}` : 'sample',
      device: `${sample.engine.kind} (${sample.engine.name})`,
      segment: SEGMENT,
      segments: text.segments.length,
      tokens,
      removed,
      speed: statOf(speeds, 'tokens/s'),
      ok: true,
    });
  }
  const { results } = golden<{ results: Golden[] }>('sample-evaluation');
  const pplOf = (removed: number[], { segment, bos }: Omit<Golden, 'ppl'>): number =>
    results.find(
      (row) => row.segment === segment && row.bos === bos && row.removed.join() === removed.join(),
    )?.ppl ?? Number.NaN;
  for (const row of WHOLE) {
    const asked = { segment: row.segment, stride: null, bos: row.bos, maxSegments: null };
    const whole = await evaluationText(
      source,
      asked,
      sample.opened.summary,
      async () => sample.tokenizer,
      null,
    );
    const { original, plan } = await session.evaluate(whole, row.removed, undefined, () => {});
    const off = (ppl: number | null | undefined, removed: number[]): number =>
      Math.abs((ppl ?? Number.NaN) / pplOf(removed, row) - 1);
    const pplError = Math.max(off(original.ppl, []), off(plan?.ppl, row.removed));
    const name =
      `whole text, segments of ${row.segment}, BOS ${row.bos}, and without blocks ` +
      `${row.removed.join(', ')}`;
    rows.push({ name, pplError, limit: LIMIT, ok: pplError < LIMIT });
  }
  await session.dispose();
  await sample.close();
  return rows;
}
