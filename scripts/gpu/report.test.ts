// Rows, ratios, table and words of the GPU benchmark: a wrong number has no figures, a part that
// ends early keeps what it found.

import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { atMost } from '../bench/limits.ts';
import { patternSum } from './bandwidth.ts';
import { figuresOf, worstPosition } from './block.ts';
import { LLAMA_1B } from './blockShape.ts';
import { noAdapterWords } from './noAdapter.ts';
import type { Figures, PartRow } from './part.ts';
import { PARTS, TOTAL_SECONDS } from './parts.ts';
import { digits, failuresOf, type GpuReport, ratiosOf, tableOf } from './report.ts';
import { notRun, rowOf, runPart } from './runPart.ts';

const PART = { name: 'curve-webgpu', title: 'curve' };
const figures = (values: Record<string, number>): Figures =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, { value, unit: 'ms' as const }]),
  );
const row = (name: string, values: Record<string, number>): PartRow =>
  rowOf({ name, title: name }, [{ figures: figures(values) }], null, 1, 10);

describe('a row', () => {
  const said = [
    { figures: figures({ first: 2 }), notes: ['one'] },
    { figures: figures({ curve: 1 }), checks: [atMost('difference', 1e-6, 1e-4)], notes: ['two'] },
  ];

  test('joins what was said', () => {
    expect(rowOf(PART, said, null, 3, 10)).toEqual({
      ...PART,
      status: 'ok',
      reason: null,
      seconds: 3,
      limitSeconds: 10,
      figures: figures({ first: 2, curve: 1 }),
      checks: [{ name: 'difference', value: 1e-6, limit: 'at most 0.0001', ok: true }],
      notes: ['one', 'two'],
      details: {},
    });
  });

  test('keeps its figures when time runs out or something fails', () => {
    const late = rowOf(PART, said, 'timed out', 10, 10);
    expect([late.status, late.figures]).toEqual(['timed out', figures({ first: 2, curve: 1 })]);
    const error = { code: 'device-lost', message: 'Lost.', hint: 'Again.', detail: 'x' } as const;
    const failed = rowOf(PART, said, error, 5, 10);
    expect([failed.status, failed.reason]).toEqual(['failed', 'Lost. Again.']);
    expect(failed.figures).toEqual(figures({ first: 2, curve: 1 }));
  });

  test('has no figures where a check is missed, however it ended', () => {
    const wrong = [...said, { checks: [atMost('NLL', Number.NaN, 1e-4)] }];
    for (const end of [null, 'timed out'] as const) {
      const { status, figures: left, withheld, reason } = rowOf(PART, wrong, end, 3, 10);
      expect([status, left]).toEqual(['wrong', {}]);
      expect(withheld).toEqual(figures({ first: 2, curve: 1 }));
      expect(reason).toContain('NLL: NaN, limit: at most 0.0001');
    }
  });
});

describe('a part in a process of its own', () => {
  const entry = fileURLToPath(new URL('./testing/entry.mjs', import.meta.url));
  const context = { root: '', quick: true, limitSeconds: 30, selfTest: null, software: false };
  const run = (name: string, limitSeconds = 30): Promise<PartRow> =>
    runPart(entry, { name, title: name }, { ...context, limitSeconds });

  test('that crashes is reported with what it said before', async () => {
    const crashed = await run('crash');
    expect([crashed.status, crashed.figures]).toEqual(['failed', figures({ before: 1 })]);
    expect(crashed.reason).toContain('ended with code 7 before it was done');
    expect(JSON.stringify(crashed.details)).toContain('last words');
  });

  test('that hangs is ended', async () => {
    const hung = await run('hang', 2);
    expect([hung.status, hung.reason]).toEqual(['timed out', 'It was ended after 2 s.']);
  });

  test('that comes to its end is ok', async () => {
    expect(await run('good')).toMatchObject({ status: 'ok', figures: figures({ before: 1 }) });
  });
});

describe('ratios', () => {
  const parts = [
    row('bandwidth', { bandwidth: 1000 }),
    row('curve-webgpu', { curve: 2 }),
    row('curve-cpu', { curve: 10 }),
    row('taylor', { 'webgpu.taylor': 3, 'cpu.taylor': 12 }),
    row('decode-fp32', { 'webgpu.decode': 300, 'cpu.decode': 100 }),
    row('block-fp16', {
      'webgpu.decode': 0.5,
      'cpu.decode': 8,
      'webgpu.decode.weights': 250,
      'webgpu.prefill1x128': 1,
    }),
  ];

  test('are times over times, rates over rates, and shares of the bandwidth', () => {
    expect(ratiosOf(parts).map(({ name, value }) => [name, value])).toEqual([
      ['curve-webgpu curve: times the CPU', 5],
      ['taylor taylor: times the CPU', 4],
      ['decode-fp32 decode: times the CPU', 3],
      ['block-fp16 decode: times the CPU', 16],
      ['block-fp16 decode: share of the measured bandwidth', 0.25],
    ]);
  });

  test('have none of a part that is wrong', () => {
    const wrong = rowOf(
      { name: 'bandwidth', title: '' },
      [{ figures: figures({ bandwidth: 1000 }), checks: [atMost('words', 1, 0)] }],
      null,
      1,
      1,
    );
    expect(ratiosOf([wrong, ...parts.slice(1)]).map(({ name }) => name)).not.toContain(
      'block-fp16 decode: share of the measured bandwidth',
    );
  });
});

test('the table names what is not ok, and a software adapter', () => {
  const parts = [row('bandwidth', { bandwidth: 1000 }), notRun(PART, 'The time was over.')];
  const report: GpuReport = {
    format: 'espalier-gpu-bench',
    formatVersion: 1,
    date: '',
    quick: true,
    ok: false,
    versions: { espalier: '1', node: 'v20', runtime: null, webgpu: null },
    machine: { platform: '', cpu: 'C', cores: 2, memoryBytes: 1, load: [0, 0], driver: null },
    adapter: {
      name: 'G',
      vendor: '',
      architecture: '',
      device: '',
      description: '',
      software: true,
      features: [],
      limits: {},
    },
    cpuDevice: 'CPU (native, 2 threads)',
    parts,
    ratios: [],
    failures: failuresOf(parts),
    seconds: 1,
  };
  const text = tableOf(report);
  for (const words of [
    'GPU: G',
    'CPU: C, 2 cores; CPU (native, 2 threads)',
    'its figures check numbers, not speed',
    'curve: NOT RUN',
    'The time was over.',
    '1 of 2 parts are not ok: curve-webgpu (not run).',
  ])
    expect(text).toContain(words);
});

test('digits of figures', () => {
  expect([0, 0.012345, 4.5678, 123.4, 12345.6, Number.NaN].map(digits)).toEqual([
    '0',
    '0.0123',
    '4.57',
    '123',
    '12346',
    'NaN',
  ]);
});

test('the parts fit into the time of all, and are named once', () => {
  for (const size of ['full', 'quick'] as const) {
    expect(TOTAL_SECONDS[size]).toBeLessThan(480);
    for (const { limit } of PARTS) expect(limit[size]).toBeLessThanOrEqual(TOTAL_SECONDS[size]);
  }
  expect(PARTS.reduce((sum, { limit }) => sum + limit.full, 0)).toBeLessThanOrEqual(
    TOTAL_SECONDS.full,
  );
  expect(new Set(PARTS.map(({ name }) => name)).size).toBe(PARTS.length);
});

test('figures of a block are counts over seconds', () => {
  const work = { name: 'decode', rows: 1, tokens: 1, past: 1024 };
  const form = { shape: LLAMA_1B, weights: 'fp16', activation: 'float16', positions: 1 } as const;
  const found = figuresOf('webgpu', { median: 0.5, best: 0.4, submit: 0.1 }, work, form);
  expect(found['webgpu.decode']).toEqual({ value: 0.5, unit: 'ms' });
  // 121.6 MB of weights in half a millisecond.
  expect(found['webgpu.decode.weights']?.value).toBeCloseTo(243.27, 1);
  expect(found['webgpu.decode.operations']?.value).toBeCloseTo((121_634_816 + 8_396_800) / 5e8, 3);
});

test('the worst position counts, and NaN is no small error', () => {
  const expected = Float32Array.of(1, 1, 2, 2);
  expect(worstPosition(expected, Float32Array.of(1, 1, 2, 2.2), 2)).toBeCloseTo(0.0707, 3);
  expect(worstPosition(expected, Float32Array.of(1, Number.NaN, 2, 2), 2)).toBe(Infinity);
  expect(worstPosition(expected, Float32Array.of(1, 1), 2)).toBe(Infinity);
});

test('the sum of the pattern that is read', () => {
  let sum = 0;
  for (let k = 0; k < 1000; k++) sum = (sum + Math.imul(k, 2654435761)) >>> 0;
  expect(patternSum(1000)).toBe(sum);
});

describe('without an adapter', () => {
  const none = { addon: null, loader: false, drivers: [], nodes: [] };
  test('what to check follows from what is there', () => {
    const words = noAdapterWords(none);
    expect(words).toContain('WebGPU finds no adapter on this machine');
    expect(words).toContain('Install the Vulkan loader');
    expect(words).toContain('Install the Vulkan driver');
    expect(words).toContain('There is no graphics device in /dev');
    const there = noAdapterWords({ ...none, loader: true, drivers: ['/a'], nodes: ['/b'] });
    expect(there).toContain('libvulkan.so.1) is there');
    expect(there).toContain('Devices: /b; see that this user may open them');
  });
  test('an addon that does not load is the reason', () => {
    expect(noAdapterWords({ ...none, addon: 'Error: GLIBC_2.34 not found' })).toContain(
      'GLIBC_2.34 not found',
    );
  });
});
