// The order of loads, runs and closes when two variants are measured, swept or generated with, and
// what is left when one of them fails.

import { describe, expect, it, vi } from 'vitest';
import { QUICK_PROTOCOL } from '../analysis/speed.ts';
import type { GenerateEvent } from '../contract/generate.ts';
import type { MeterEvent, SpeedSettings } from '../contract/speed.ts';
import type { EspalierError } from '../errors.ts';
import { measureVariants } from './measure.ts';
import { generateSideBySide } from './sideBySide.ts';
import { sweepBatches } from './sweep.ts';
import { type FakeOptions, failure, fakeVariants } from './testing/fakeVariant.ts';

const settings = (change: Partial<SpeedSettings> = {}): SpeedSettings => ({
  ...QUICK_PROTOCOL,
  warmup: 1,
  runs: 3,
  ...change,
});
/** For what follows within some turns of the event loop, on a machine however busy. */
const LAST_RESORT = { timeout: 30_000 };

const code = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: EspalierError) => error.code,
  );

function measuring(options: FakeOptions = {}, together = true, removed: number[] = [3]) {
  const fakes = fakeVariants(options);
  const events: MeterEvent[] = [];
  const abort = new AbortController();
  const measure = (change: Partial<SpeedSettings> = {}) =>
    measureVariants({ removed, settings: settings(change) }, fakes.open, {
      signal: abort.signal,
      onEvent: (event) => events.push(event),
      together,
    });
  const sweep = (batches: number[]) =>
    sweepBatches({ removed, batches, settings: settings({ runs: 1, warmup: 0 }) }, fakes.open, {
      signal: abort.signal,
      onEvent: (event) => events.push(event),
      together,
    });
  return { ...fakes, events, abort, measure, sweep };
}

/** Out of memory where both are open at once: the second load, or a run beside another open one. */
function crowdedAt(
  fakes: () => { openNow(): number },
  name: string,
): NonNullable<FakeOptions['before']> {
  return (call) => {
    if (call === name && fakes().openNow() >= (name.endsWith('load') ? 1 : 2))
      throw failure('out-of-memory');
  };
}

describe('measuring', () => {
  it('interleaves run by run, the order alternating, and closes both', async () => {
    const { log, events, measure, openNow, shapes } = measuring();
    const result = await measure();
    const [o, p] = ['original run', 'pruned run'];
    expect(log).toEqual([
      'original load',
      'pruned load',
      'original encode',
      o,
      p,
      p,
      o,
      o,
      p,
      p,
      o,
      'original close',
      'pruned close',
    ]);
    expect(openNow()).toBe(0);
    expect(new Set(shapes.map((shape) => JSON.stringify(shape))).size).toBe(1);
    expect(result.interleaved).toBe('runs');
    expect(result.original?.samples).toHaveLength(3);
    expect(result.original?.speed.throughput.mean).toBeCloseTo(50, 9);
    expect(result.pruned?.speed.throughput.mean).toBeCloseTo(100, 9);
    expect([result.gain?.ratio, result.gain?.noise]).toEqual([expect.closeTo(2, 9), false]);
    expect(result.pruned?.removed).toEqual([3]);
    expect([result.original?.loads, result.original?.deviceBytes, result.errors]).toEqual([
      [0.5],
      100,
      {},
    ]);
    expect(events.filter((e) => e.type === 'sample').map((e) => e.warmup)).toEqual([
      true,
      true,
      ...Array(6).fill(false),
    ]);
    const progress = events.flatMap((e) =>
      e.type === 'progress' && e.progress.unit === 'runs' ? [e.progress] : [],
    );
    expect(progress.map((p) => [p.done, p.total])).toEqual(
      [1, 2, 3, 4, 5, 6, 7, 8].map((done) => [done, 8]),
    );
    expect([progress[0]?.secondsLeft, progress.at(-1)?.secondsLeft]).toEqual([null, 0]);
    expect(progress[3]?.secondsLeft).toBeGreaterThanOrEqual(0);
    expect(events.filter((e) => e.type === 'loaded').map((e) => e.which)).toEqual([
      'original',
      'pruned',
    ]);
  });

  it('measures the original alone when nothing is removed', async () => {
    const { log, measure } = measuring({}, false, []);
    const result = await measure({ runs: 1 });
    expect(log).toEqual([
      'original load',
      'original encode',
      'original run',
      'original run',
      'original close',
    ]);
    expect([result.pruned, result.gain, result.interleaved]).toEqual([null, null, 'runs']);
  });

  it('cuts or repeats its own text to the number of prompt tokens', async () => {
    const { measure, shapes } = measuring();
    expect((await measure()).promptIds).toHaveLength(12);
    const long = (await measure({ promptTokens: 200 })).promptIds;
    expect(long).toHaveLength(200);
    expect(long.slice(0, 12)).toEqual(shapes[0]?.ids);
    expect((await measure({ prompt: 'one three seventeen' })).promptIds).toEqual([3, 5, 9]);
  });

  it('spreads ids where there is no tokenizer, and says so', async () => {
    const { measure, log } = measuring({ info: { hasTokenizer: false } });
    const { promptIds, notes } = await measure({ promptTokens: 4 });
    expect(promptIds).toEqual([3, 22, 41, 60]);
    expect(notes).toEqual([expect.stringMatching(/no tokenizer.*4 token ids/)]);
    expect(log).not.toContain('original encode');
    const broken = measuring({
      before: (call) => {
        if (call.endsWith('encode')) throw failure('tokenizer', 'tokenizer.json is broken.');
      },
    });
    expect((await broken.measure()).notes[0]).toContain('tokenizer.json is broken');
    const before = broken.log.length;
    expect(await code(broken.measure({ prompt: 'Hello' }))).toBe('tokenizer');
    expect(broken.log.slice(before)).toEqual([
      'original load',
      'pruned load',
      'original encode',
      'original close',
      'pruned close',
    ]);
    expect(broken.openNow()).toBe(0);
    const foreign = measuring({
      before: (call) => {
        if (call.endsWith('encode'))
          throw failure('bad-input', 'The token id 100 is outside the vocabulary of 100 tokens.');
      },
    });
    expect((await foreign.measure()).notes).toEqual([
      expect.stringMatching(/outside the vocabulary.*12 token ids/),
    ]);
    expect(await code(foreign.measure({ prompt: 'Hello' }))).toBe('bad-input');
  });

  it('keeps the numbers of one when the other fails, while loading or in a run', async () => {
    for (const [call, number] of [
      ['pruned load', 1],
      ['pruned run', 3],
    ] as const) {
      const { measure, log, openNow } = measuring({
        before: (name, n) => {
          if (name === call && n === number) throw failure('device-lost');
        },
      });
      const result = await measure();
      expect(result.original?.samples).toHaveLength(3);
      expect([result.pruned, result.gain, result.errors.original]).toEqual([null, null, undefined]);
      expect(result.errors.pruned).toMatchObject({ code: 'device-lost', hint: 'Do something.' });
      expect(log.filter((name) => name === 'pruned run').length).toBe(
        call === 'pruned run' ? 3 : 0,
      );
      expect(openNow()).toBe(0);
    }
    const { measure } = measuring({
      before: (name) => {
        if (name === 'original load') throw failure('missing-file');
      },
    });
    const result = await measure();
    expect([result.original, result.errors.original?.code, result.pruned?.samples.length]).toEqual([
      null,
      'missing-file',
      3,
    ]);
  });

  it("throws the original's error when both fail", async () => {
    const { measure, openNow } = measuring({
      before: (name) => {
        if (name === 'original run') throw failure('bad-input', 'The context is exceeded.');
        if (name === 'pruned run') throw failure('device-lost');
      },
    });
    expect(await code(measure())).toBe('bad-input');
    expect(openNow()).toBe(0);
  });

  it('measures in turn what does not fit together', async () => {
    const turn = (which: string, runs: number) => [
      `${which} load`,
      ...Array(1 + runs).fill(`${which} run`),
      `${which} close`,
    ];
    const turns = [
      ...turn('original', 2),
      ...turn('pruned', 2),
      ...turn('original', 1),
      ...turn('pruned', 1),
    ];
    const known = measuring({}, false);
    const result = await known.measure();
    expect(known.log.filter((name) => !name.endsWith('encode'))).toEqual(turns);
    expect([result.interleaved, result.original?.loads, result.pruned?.samples.length]).toEqual([
      'rounds',
      [0.5, 0.5],
      3,
    ]);
    expect(result.notes).toEqual([expect.stringMatching(/in turn/)]);
    const left = known.events.flatMap((e) =>
      e.type === 'progress' && e.progress.unit === 'runs' ? [e.progress] : [],
    );
    expect(left.map((p) => [p.done, p.total]).at(-1)).toEqual([10, 10]);

    for (const name of ['pruned load', 'original run']) {
      const tight = measuring({
        before: (call, n, shape) => crowdedAt(() => tight, name)(call, n, shape),
      });
      const found = await tight.measure();
      expect(tight.log.filter((call) => !call.endsWith('encode')).slice(-turns.length)).toEqual(
        turns,
      );
      expect([found.interleaved, found.errors, found.original?.samples.length]).toEqual([
        'rounds',
        {},
        3,
      ]);
      expect(tight.openNow()).toBe(0);
    }
  });

  it('reports a variant that does not fit alone either', async () => {
    const { measure } = measuring(
      {
        before: (name) => {
          if (name === 'original load') throw failure('out-of-memory');
        },
      },
      false,
    );
    const result = await measure();
    expect([result.errors.original?.code, result.pruned?.samples.length]).toEqual([
      'out-of-memory',
      3,
    ]);
  });

  it('is cancelled at once, closes what is open, also what opens late', async () => {
    const inRun = measuring({
      before: (name) => {
        if (name !== 'pruned run') return;
        queueMicrotask(() => inRun.abort.abort());
        return new Promise(() => {});
      },
    });
    expect(await code(inRun.measure())).toBe('cancelled');
    expect(inRun.openNow()).toBe(0);

    let release = (): void => {};
    const inLoad = measuring({
      before: (name) => {
        if (name !== 'pruned load') return;
        queueMicrotask(() => inLoad.abort.abort());
        return new Promise((resolve) => {
          release = resolve;
        });
      },
    });
    expect(await code(inLoad.measure())).toBe('cancelled');
    release();
    await vi.waitFor(() => expect(inLoad.log).toContain('pruned close'), LAST_RESORT);
    expect(inLoad.openNow()).toBe(0);

    // A late one that fails to close is nobody's error any more: an unhandled rejection would fail
    // this test.
    const abort = new AbortController();
    let loaded = (): void => {};
    const { open } = fakeVariants({
      before: (name) => {
        if (name !== 'original load') return;
        queueMicrotask(() => abort.abort());
        return new Promise((resolve) => {
          loaded = resolve;
        });
      },
    });
    const close = vi.fn(() => Promise.reject(failure('device-lost')));
    const failing: typeof open = async (...request) => ({ ...(await open(...request)), close });
    const late = measureVariants({ removed: [], settings: settings() }, failing, {
      signal: abort.signal,
      onEvent: () => {},
      together: true,
    });
    expect(await code(late)).toBe('cancelled');
    loaded();
    await vi.waitFor(() => expect(close).toHaveBeenCalled(), LAST_RESORT);
    // Rejections are reported once the microtasks are done.
    await new Promise((resolve) => setTimeout(resolve));
  });

  it('does not compare what ran on different devices', async () => {
    const fakes = fakeVariants();
    const result = await measureVariants(
      { removed: [1], settings: settings() },
      async (removed, ...rest) => {
        const handle = await fakes.open(removed, ...rest);
        const kind = removed.length > 0 ? ('wasm' as const) : ('webgpu' as const);
        return { ...handle, info: { ...handle.info, device: { kind, name: kind } } };
      },
      { signal: new AbortController().signal, onEvent: () => {}, together: true },
    );
    expect([result.gain, result.notes[0]]).toEqual([
      null,
      expect.stringContaining('different devices'),
    ]);
  });

  it('refuses settings that make no sense before anything is loaded', async () => {
    for (const change of [
      { tokens: 0 },
      { runs: 0 },
      { warmup: -1 },
      { batch: 1.5 },
      { promptTokens: 0 },
    ]) {
      const { measure, log } = measuring();
      expect(await code(measure(change))).toBe('bad-input');
      expect(log).toEqual([]);
    }
  });
});

describe('batch sweep', () => {
  const overFour: FakeOptions['before'] = (name, _, shape) => {
    if (name === 'original run' && (shape?.batch ?? 0) > 4) throw failure('out-of-memory');
  };

  it('gives a point per size and side, in order', async () => {
    const { sweep, log, events } = measuring();
    const result = await sweep([1, 2, 4]);
    expect(result.original.map((p) => p.batch)).toEqual([1, 2, 4]);
    expect(result.pruned[2]).toMatchObject({
      batch: 4,
      throughput: { mean: expect.closeTo(100, 9) },
      latency: { unit: 's' },
    });
    expect([result.stopped, result.device?.kind]).toEqual([[], 'wasm']);
    expect(log.filter((name) => name.endsWith('load'))).toHaveLength(2);
    expect(
      events
        .flatMap((e) =>
          e.type === 'progress' && e.progress.unit === 'runs' ? [e.progress.total] : [],
        )
        .at(-1),
    ).toBe(6);
  });

  it('stops a variant at its own limit, alone, and goes on with the other', async () => {
    const { sweep, log, openNow } = measuring({ before: overFour });
    const result = await sweep([1, 4, 8, 16]);
    expect(result.original.map((p) => p.batch)).toEqual([1, 4]);
    expect(result.pruned.map((p) => p.batch)).toEqual([1, 4, 8, 16]);
    expect(result.stopped).toMatchObject([
      { which: 'original', batch: 8, error: { code: 'out-of-memory' } },
    ]);
    // Together, then each alone from the size at which memory ran out.
    expect(log.filter((name) => name === 'original load')).toHaveLength(2);
    expect(openNow()).toBe(0);
  });

  it('goes on with one when the other fails otherwise, without opening it again', async () => {
    const { sweep, log } = measuring({
      before: (name, n) => {
        if (name === 'pruned run' && n === 2) throw failure('device-lost');
      },
    });
    const result = await sweep([1, 2, 4]);
    expect([result.original.length, result.pruned.length]).toEqual([3, 1]);
    expect(result.stopped).toMatchObject([{ which: 'pruned', batch: 2 }]);
    expect(log.filter((name) => name === 'pruned load')).toHaveLength(1);
  });

  it('throws when no point could be had, and for no sizes', async () => {
    const { sweep } = measuring({
      before: (name) => {
        if (name.endsWith('load')) throw failure('unsupported-op');
      },
    });
    expect(await code(sweep([1, 2]))).toBe('unsupported-op');
    expect(await code(sweep([]))).toBe('bad-input');
    expect(await code(measuring().sweep([1, 0]))).toBe('bad-input');
  });

  it('is cancelled between runs', async () => {
    const job = measuring({
      before: (_name, n) => {
        if (n === 3) job.abort.abort();
      },
    });
    expect(await code(job.sweep([1, 2, 4, 8]))).toBe('cancelled');
    expect(job.openNow()).toBe(0);
  });
});

describe('side by side', () => {
  function generating(options: FakeOptions = {}, removed: number[] = [3], together = true) {
    const fakes = fakeVariants(options);
    const events: GenerateEvent[] = [];
    const abort = new AbortController();
    const generate = (tokens = 6, text = 'a bb') =>
      generateSideBySide(
        {
          removed,
          prompt: { kind: 'raw', text },
          tokens,
          sampling: { temperature: 0.5, topK: 3, topP: 1, seed: 7 },
          stopAtEos: true,
        },
        fakes.open,
        { signal: abort.signal, onEvent: (event) => events.push(event), together },
      );
    return { ...fakes, events, abort, generate };
  }

  it('takes turns with one prompt, seed and settings, and finds the first difference', async () => {
    const { generate, log, events, starts, openNow } = generating({
      ids: { original: [1, 2, 3, 4, 5, 6], pruned: [1, 2, 3, 9] },
    });
    const result = await generate();
    const runs = log.filter((name) => name.endsWith(' run'));
    expect(runs.filter((name) => name === 'original run').length).toBeGreaterThan(1);
    expect(runs.filter((name) => name === 'pruned run').length).toBeGreaterThan(1);
    // Refused before anything runs, warmed up, begun.
    expect(log.filter((name) => !name.endsWith(' run'))).toEqual([
      'original load',
      'pruned load',
      'original encode',
      'original begin',
      'original begin',
      'pruned begin',
      'pruned begin',
      'original advance',
      'pruned advance',
      'original advance',
      'pruned advance',
      'original advance',
      'original close',
      'pruned close',
    ]);
    expect(starts[0]).toEqual({
      ids: [1, 2],
      tokens: 6,
      sampling: { temperature: 0.5, topK: 3, topP: 1, seed: 7 },
      stopAtEos: true,
    });
    expect(starts[1]).toEqual(starts[0]);
    expect(result.original).toMatchObject({
      ids: [1, 2, 3, 4, 5, 6],
      text: '1 2 3 4 5 6',
      done: 'length',
      tokens: 6,
    });
    expect(result.pruned).toMatchObject({ ids: [1, 2, 3, 9], done: 'eos' });
    expect([result.divergesAt, result.errors, openNow()]).toEqual([3, {}, 0]);
    expect(events.find((e) => e.type === 'prompt')).toMatchObject({
      prompt: { ids: [1, 2], text: 'a bb' },
    });
    expect(
      events.flatMap((e) => (e.type === 'side' ? [`${e.which} ${e.side.ids.length}`] : [])),
    ).toEqual(['original 2', 'pruned 2', 'original 4', 'pruned 4', 'original 6']);
  });

  it('warms up with the beginning of a long prompt only', async () => {
    const { generate, shapes, starts } = generating();
    await generate(6, 'word '.repeat(99).trim());
    expect(new Set(shapes.map(({ ids }) => ids.length))).toEqual(new Set([64]));
    expect(starts.map(({ ids }) => ids.length)).toEqual([99, 99, 99, 99]);
  });

  it('diverges where only one ends its text, not where they are the same', async () => {
    expect(
      (await generating({ ids: { original: [1, 2, 3], pruned: [1] } }).generate()).divergesAt,
    ).toBe(1);
    expect((await generating().generate()).divergesAt).toBeNull();
  });

  it('generates one after the other where both do not fit', async () => {
    const inTurn = [
      'original load',
      'original encode',
      'original begin',
      'original begin',
      'original advance',
      'original close',
    ];
    const calls = (log: readonly string[]) => log.filter((name) => !name.endsWith(' run'));
    const known = generating({ ids: { original: [1, 2], pruned: [1, 3] } }, [3], false);
    expect((await known.generate()).divergesAt).toBe(1);
    expect(calls(known.log).slice(0, 6)).toEqual(inTurn);
    const found = generating({
      ids: { original: [1, 2], pruned: [1, 3] },
      before: (name, n) => {
        if (name === 'pruned load' && n === 1) throw failure('out-of-memory');
      },
    });
    const result = await found.generate();
    expect([result.divergesAt, result.errors]).toEqual([1, {}]);
    // The second try begins after the original is closed.
    expect(calls(found.log).slice(3, 9)).toEqual(inTurn);
    expect(found.events.filter((event) => event.type === 'note')).toHaveLength(1);
    expect(found.openNow()).toBe(0);
  });

  it('generates with the original alone when nothing is removed', async () => {
    const { generate, log } = generating({}, []);
    const result = await generate();
    expect([result.pruned, result.divergesAt, result.original?.tokens]).toEqual([null, null, 6]);
    expect(log.some((name) => name.startsWith('pruned'))).toBe(false);
  });

  it('leaves the other running when one fails, and keeps what it had', async () => {
    const { generate, events } = generating({
      before: (name, n) => {
        if (name === 'original advance' && n === 2) throw failure('device-lost');
      },
    });
    const result = await generate();
    expect([result.original?.ids, result.original?.done, result.pruned?.ids.length]).toEqual([
      [0, 1],
      null,
      6,
    ]);
    expect(result.errors.original?.code).toBe('device-lost');
    expect(events.filter((e) => e.type === 'failed')).toMatchObject([
      { which: 'original', error: { code: 'device-lost' } },
    ]);
  });

  it('throws when both fail, for the prompt or the settings, and when cancelled', async () => {
    const noPrompt = generating({
      before: (name) => {
        if (name.endsWith('encode')) throw failure('tokenizer');
      },
    });
    expect(await code(noPrompt.generate())).toBe('tokenizer');
    // Said once, and not as a failure of either variant.
    expect(noPrompt.log.filter((name) => name.endsWith('encode'))).toEqual(['original encode']);
    expect(noPrompt.events.filter(({ type }) => type === 'failed')).toEqual([]);
    const tooLong = generating({
      before: (name) => {
        if (name.endsWith('begin')) throw failure('bad-input', 'The context holds 512.');
      },
    });
    expect(await code(tooLong.generate())).toBe('bad-input');
    expect(tooLong.events.filter(({ type }) => type === 'failed')).toEqual([]);
    expect(await code(generating().generate(0))).toBe('bad-input');
    const stopped = generating({
      before: (name, n) => {
        if (name === 'pruned advance' && n === 2) stopped.abort.abort();
      },
    });
    expect(await code(stopped.generate(100))).toBe('cancelled');
    expect([noPrompt.openNow(), stopped.openNow()]).toEqual([0, 0]);
  });
});
