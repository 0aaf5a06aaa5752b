// The cost of the Taylor criterion of the sample on the CPU against a forward pass of the same
// windows, and what it holds against what it states; resident and streamed.

import { measureTaylor, taylorMemory } from '../../src/runtime/gradients/taylor.ts';
import { ScoreSession } from '../../src/runtime/score/session.ts';
import { median, type Timed, timed } from './clocks.ts';
import { atMost, type Check, none, report } from './limits.ts';
import { openSample } from './scored.ts';

export interface TaylorRow {
  name: string;
  device: string;
  windows: number;
  length: number;
  budgetBytes: number | null;
  /** Whole criterion, with weights read and programs compiled, and a forward pass; each round. */
  taylor: Timed[];
  forward: Timed[];
  /** Medians over rounds of the ratio within a round. */
  ratio: Timed;
  statedBytes: number;
  /** By the engine's accounting: weights, hidden states, sums of gradients. */
  heldBytes: number;
  /** Bytes read from the files, over those that were stated. */
  bytesRead: number;
  checks: Check[];
  ok: boolean;
}

const LIMIT = 5.5;
const ROUNDS = 3;
/** A quarter of the weights, with room for the states of ten windows. */
const STREAMED_BYTES = 30e6;

export async function benchTaylor(root: string): Promise<TaylorRow[]> {
  const rows: TaylorRow[] = [];
  const resident = await measure(root, 'sample', null);
  const streamed = await measure(root, 'sample, streamed', STREAMED_BYTES);
  const differing = resident.scores.filter(
    (score, k) => Math.abs(score / (streamed.scores[k] ?? Number.NaN) - 1) > 1e-6,
  );
  streamed.row.checks.push(none('Taylor scores that streaming changes', differing.length));
  for (const { row } of [resident, streamed]) {
    row.ok = row.checks.every(({ ok }) => ok);
    rows.push(row);
  }
  report(rows.flatMap(({ checks }) => checks));
  return rows;
}

async function measure(
  root: string,
  name: string,
  budgetBytes: number | null,
): Promise<{ row: TaylorRow; scores: number[] }> {
  const sample = await openSample(root);
  const { opened, engine, folder } = sample;
  const windows = sample.windows(10, 128);
  const session = ScoreSession.open(opened, engine, budgetBytes === null ? {} : { budgetBytes });
  const whole = ScoreSession.open(opened, engine);
  const others = sample.windows(9, 128);
  // Renamed: a name that starts with `use` reads as a React hook.
  const take = whole.useWindows.bind(whole);
  const { structure } = opened;
  const memory = taylorMemory({ ...session.model, structure, windows });
  const taylor: Timed[] = [];
  const forward: Timed[] = [];
  let scores: number[] = [];
  let bytes = 0;
  for (let round = 0; round < ROUNDS; round++) {
    // Weights and programs in place, no states: another plan ran in between.
    await take(others);
    await whole.plan([]);
    await take(windows);
    forward.push(await timed(() => whole.plan([])));
    await whole.alone(async () => {});
    const before = folder.bytesRead();
    taylor.push(
      await timed(async () => {
        const job = { structure, windows, onProgress: () => {} };
        const found = await session.alone((model) => measureTaylor({ ...model, ...job }));
        scores = found.linear.block;
      }),
    );
    bytes = folder.bytesRead() - before;
  }
  const heldBytes = engine.ledger.peak();
  const ratioOf = (clock: keyof Timed): number =>
    median(taylor.map((time, k) => time[clock] / forward[k]![clock]));
  const ratio = { wall: ratioOf('wall'), processor: ratioOf('processor') };
  await session.dispose();
  await whole.dispose();
  await sample.close();
  const row: TaylorRow = {
    name,
    device: `${engine.kind} (${engine.name})`,
    windows: windows.length,
    length: 128,
    budgetBytes,
    taylor,
    forward,
    ratio,
    statedBytes: memory.total,
    heldBytes,
    bytesRead: bytes / (memory.bytesRead ?? Number.NaN),
    checks: [
      atMost(`${name}: bytes held over stated`, heldBytes / memory.total, 1),
      ...(budgetBytes === null
        ? [atMost(`${name}: Taylor over a forward pass`, ratio.processor, LIMIT)]
        : []),
    ],
    ok: true,
  };
  return { row, scores };
}
