// Several variants in turn: what is open at once, what is held against what, and what is left when
// memory runs out or one fails.

import { describe, expect, it } from 'vitest';
import { QUICK_PROTOCOL } from '../analysis/speed.ts';
import type { CompareEvent } from '../contract/speed.ts';
import type { EspalierError } from '../errors.ts';
import { type Arrangement, compareSpeeds } from './compare.ts';
import { type FakeOptions, failure, fakeVariants } from './testing/fakeVariant.ts';

const settings = { ...QUICK_PROTOCOL, warmup: 0, runs: 2 };

function comparing(options: FakeOptions = {}, arranged: Arrangement = 'all') {
  const fakes = fakeVariants(options);
  const events: CompareEvent[] = [];
  const abort = new AbortController();
  const variants = new Map([
    ['original', { removed: [] }],
    ['depth', { removed: [3] }],
    ['width', { removed: [5] }],
  ]);
  const compare = (batches: number[] = [1, 2]) =>
    compareSpeeds({ variants, settings, batches }, fakes.open, {
      signal: abort.signal,
      onEvent: (event) => events.push(event),
      arranged,
    });
  return { ...fakes, events, abort, compare };
}

/** The names of the calls but for those that only ask. */
const calls = (log: readonly string[]) => log.filter((name) => !name.endsWith('encode'));
const runs = (...names: string[]) => names.map((name) => `${name} run`);

describe('a comparison of speeds', () => {
  it('opens all at once and takes turns, the order alternating', async () => {
    const { compare, log, openNow, events } = comparing();
    const { sides, arranged, device } = await compare();
    const loads = ['original load', 'pruned load', 'pruned load'];
    const round = runs('original', 'pruned', 'pruned', 'pruned', 'pruned', 'original');
    const closes = ['original close', 'pruned close', 'pruned close'];
    expect(calls(log)).toEqual([...loads, ...round, ...round, ...closes]);
    expect([openNow(), arranged, device?.kind]).toEqual([0, 'all', 'wasm']);
    expect(sides.map(({ id, points }) => [id, points.map(({ batch }) => batch)])).toEqual([
      ['original', [1, 2]],
      ['depth', [1, 2]],
      ['width', [1, 2]],
    ]);
    expect(sides[0]?.points[0]?.gain).toBeNull();
    expect(sides[1]?.points[1]).toMatchObject({
      throughput: { mean: expect.closeTo(100, 9) },
      gain: { ratio: expect.closeTo(2, 9), noise: false },
      rates: [expect.closeTo(100, 9), expect.closeTo(100, 9)],
    });
    expect(events.filter(({ type }) => type === 'point')).toHaveLength(6);
    const progress = events.flatMap((event) =>
      event.type === 'progress' && event.progress.unit === 'runs' ? [event.progress] : [],
    );
    expect([progress[0]?.total, progress.at(-1)?.done, progress.at(-1)?.secondsLeft]).toEqual([
      12, 12, 0,
    ]);
  });

  it('opens each beside the first one where all do not fit, and says so', async () => {
    const job = comparing({
      before(call) {
        if (call.endsWith('load') && job.openNow() === 2) throw failure('out-of-memory');
      },
    });
    const { compare, log, events, openNow } = job;
    const { sides, arranged, notes } = await compare([1]);
    const pair = [
      'original load',
      'pruned load',
      ...runs('original', 'pruned', 'pruned', 'original'),
      'original close',
      'pruned close',
    ];
    expect(arranged).toBe('pairs');
    expect(notes).toEqual([expect.stringMatching(/^Not all models fit/)]);
    expect(calls(log).slice(-16)).toEqual([...pair, ...pair]);
    expect(sides.map(({ points }) => points.length)).toEqual([1, 1, 1]);
    expect(sides[2]?.points[0]?.gain?.ratio).toBeCloseTo(2, 9);
    expect(events.filter(({ type }) => type === 'arranged')).toEqual([
      { type: 'arranged', arranged: 'all' },
      { type: 'arranged', arranged: 'pairs' },
    ]);
    expect(openNow()).toBe(0);
  });

  it('measures one after the other where two do not fit', async () => {
    const { compare, log } = comparing({}, 'alone');
    const { sides } = await compare([1]);
    const alone = (name: string) => [`${name} load`, ...runs(name, name), `${name} close`];
    expect(calls(log)).toEqual([...alone('original'), ...alone('pruned'), ...alone('pruned')]);
    expect(sides[1]?.points[0]?.gain?.ratio).toBeCloseTo(2, 9);
  });

  it('goes on with the others when one fails, and throws the error when all do', async () => {
    const { compare } = comparing({
      before(call, number) {
        if (call === 'pruned run' && number === 5) throw failure('device-lost');
      },
    });
    const { sides } = await compare();
    expect(sides.map(({ points }) => points.length).sort()).toEqual([1, 2, 2]);
    const stopped = sides.find((side) => side.stopped !== null);
    expect(stopped?.stopped).toMatchObject({ batch: 2, error: { code: 'device-lost' } });
    const broken = comparing({
      before(call) {
        if (call.endsWith('load')) throw failure('unsupported-op');
      },
    });
    await expect(broken.compare()).rejects.toMatchObject({ code: 'unsupported-op' });
    await expect(comparing().compare([])).rejects.toMatchObject({ code: 'bad-input' });
  });

  it('is cancelled between runs, and closes all', async () => {
    const job = comparing({
      before(_call, number) {
        if (number === 3) job.abort.abort();
      },
    });
    const end = await job.compare().catch((error: EspalierError) => error.code);
    expect([end, job.openNow()]).toEqual(['cancelled', 0]);
  });
});
