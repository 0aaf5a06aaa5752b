// Room for logits on a device is what the runs need, and the correct rows are read from it; the
// device is ordinary memory that claims to be a GPU.

import { expect, test } from 'vitest';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import type { Fetches } from './caches.ts';
import { LogitsRows } from './logitsRow.ts';

const ROWS = 2;
const VOCAB = 5;

test('a long context takes no room for unused logits; each row is the last one', async () => {
  const engine = await openWasm(nodeLoader);
  const { readSpans } = engine;
  const device = { kind: 'webgpu' as const, allocate: engine.allocate.bind(engine), readSpans };
  const logits = new LogitsRows({ logits: 'logits', logitsType: 'float32' }, device);
  const fetches: Fetches = {};
  let number = 0;
  /**
   * One run that numbers its logits: what is fetched is written in place, the rest is given back.
   */
  const run = async (length: number): Promise<[asked: boolean, rows: number[]]> => {
    const asked = logits.before(fetches, length);
    const size = ROWS * length * VOCAB;
    const tensor =
      fetches.logits ??
      engine.wrap({ type: 'float32', dims: [ROWS, length, VOCAB], data: new Float32Array(size) });
    expect(tensor.dims).toEqual([ROWS, length, VOCAB]);
    for (let i = 0; i < size; i++) tensor.data[i] = number++;
    return [asked, [...(await logits.last({ logits: tensor }, length))]];
  };
  const lastRows = (from: number, length: number): number[] =>
    [0, 1].flatMap((row) =>
      Array.from({ length: VOCAB }, (_, i) => from + (row * length + length - 1) * VOCAB + i),
    );

  logits.begin(ROWS, 1);
  expect(await run(3)).toEqual([false, lastRows(0, 3)]);
  expect([await run(1), logits.bytes]).toEqual([[true, lastRows(30, 1)], ROWS * VOCAB * 4]);
  expect(await run(1)).toEqual([false, lastRows(40, 1)]);
  logits.begin(ROWS, 1);
  expect([await run(3), logits.bytes]).toEqual([[true, lastRows(50, 3)], 3 * ROWS * VOCAB * 4]);
  expect(await run(1)).toEqual([false, lastRows(80, 1)]);
  // A graph without caches repeats its text: room for all of it at once.
  logits.begin(ROWS, 9);
  expect([(await run(4))[0], (await run(5))[0], logits.bytes]).toEqual([
    true,
    false,
    9 * ROWS * VOCAB * 4,
  ]);
  logits.free();
  expect([logits.bytes, engine.ledger.total()]).toEqual([0, 0]);
  await engine.dispose();
});
