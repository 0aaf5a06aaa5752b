// Tokens per second of an evaluation by the paper's protocol, with and without a plan beside the model: information, without a limit.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Stat, statOf } from '../../src/analysis/speed.ts';
import { evaluationText } from '../../src/runtime/evaluationText.ts';
import { ScoreSession } from '../../src/runtime/session.ts';
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

const SEGMENT = 128;
const SEGMENTS = 80;
const ROUNDS = 3;

export async function benchEvaluate(root: string): Promise<EvaluateRow[]> {
  const sample = await openSample(root);
  const session = ScoreSession.open(sample.opened, sample.engine);
  const source = { name: 'evaluation.txt', text: readFileSync(join(root, 'public/text/evaluation.txt'), 'utf8') };
  const wanted = { segment: SEGMENT, stride: null, bos: 'none', maxSegments: SEGMENTS } as const;
  const text = await evaluationText(source, wanted, sample.opened.summary, async () => sample.tokenizer, null);
  const tokens = text.segments.reduce((sum, segment) => sum + segment.length, 0);
  // Programs are compiled and weights read.
  await session.evaluate({ ...text, segments: text.segments.slice(0, 2) }, [], undefined, () => {});
  const rows: EvaluateRow[] = [];
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
  await session.dispose();
  await sample.close();
  return rows;
}
