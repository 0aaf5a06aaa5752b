// The small pure parts of the room: schedules, chunks, reads, host tensors, locks.

import { describe, expect, test } from 'vitest';
import type { Folder } from '../../onnx/source.ts';
import type { Unit } from '../../units.ts';
import { bufferLimit, fault } from '../device/fault.ts';
import { byteSize, filled, numbers, toFloat32 } from '../device/host.ts';
import { Ledger } from '../device/ledger.ts';
import { createLock } from '../device/ort.ts';
import { routesOf } from '../device/selfTest.ts';
import { defaultBudget } from '../weights/budget.ts';
import { type RangeTarget, readRanges } from '../weights/readRanges.ts';
import { chunkWindows, sliceChunk } from '../weights/windows.ts';
import { Pace } from './pace.ts';
import {
  blockCandidates,
  type Candidate,
  countBlockRuns,
  lineOf,
  partCandidates,
  residentSchedule,
  type Step,
  streamedSchedule,
  type Variant,
} from './schedule.ts';

/** Replays a schedule symbolically: which pieces each variant went through. */
function paths(steps: readonly Step[], starts: ReadonlyMap<Unit, number>): Map<Variant, Unit[]> {
  const intact: Unit[] = [];
  const streams = new Map<Unit, Unit[]>();
  const finished = new Map<Variant, Unit[]>();
  for (const step of steps) {
    const { variant } = step;
    const path =
      variant === 'intact'
        ? intact
        : (streams.get(variant) ?? intact.slice(0, starts.get(variant)));
    if (step.kind === 'head') finished.set(variant, [...path]);
    else if (variant === 'intact') intact.push(step.piece);
    else streams.set(variant, [...path, step.piece]);
  }
  return finished;
}

function course(line: readonly Unit[], candidates: readonly Candidate[]) {
  return {
    course: { line, candidates, from: 0, to: line.length, baseline: true },
    starts: new Map(candidates.map((c) => [c.unit, c.at])),
  };
}

describe.each([
  ['resident', residentSchedule],
  ['streamed', streamedSchedule],
] as const)('%s schedule', (_, schedule) => {
  test.each([1, 2, 5, 16])(
    '%i blocks: every variant runs all blocks but its own, N(N + 1)/2 runs in all',
    (n) => {
      const all = lineOf(n);
      const given = course(
        all,
        blockCandidates(all, () => true),
      );
      const steps = schedule(given.course);
      const result = paths(steps, given.starts);
      expect(result.get('intact')).toEqual(all);
      for (const variant of all)
        expect(result.get(variant)).toEqual(all.filter((block) => block !== variant));
      expect(countBlockRuns(steps)).toBe((n * (n + 1)) / 2);
      expect(steps.filter((step) => step.kind === 'head').length).toBe(n + 1);
    },
  );

  test('leaves refused blocks out', () => {
    const line = lineOf(4);
    const given = course(
      line,
      blockCandidates(line, (block) => block !== 2),
    );
    expect([...paths(schedule(given.course), given.starts).keys()].map(String).sort()).toEqual([
      '0',
      '1',
      '3',
      'intact',
    ]);
  });

  test('parts: the other part stands in for the block, on every line', () => {
    const line = lineOf(5, [1, '3.attn']);
    expect(line).toEqual([0, 2, '3.ffn', 4]);
    const given = course(
      line,
      partCandidates(line, () => true),
    );
    const result = paths(schedule(given.course), given.starts);
    expect([...result.keys()].length).toBe(7);
    expect(result.get('2.attn')).toEqual([0, '2.ffn', '3.ffn', 4]);
    expect(result.get('4.ffn')).toEqual([0, 2, '3.ffn', '4.attn']);
  });
});

test('the streamed schedule visits each block once', () => {
  const line = lineOf(6);
  for (const candidates of [blockCandidates(line, () => true), partCandidates(line, () => true)]) {
    const visits = streamedSchedule(course(line, candidates).course).flatMap((step) =>
      step.kind === 'block' ? [step.at] : [],
    );
    expect(visits).toEqual([...visits].sort((a, b) => a - b));
  }
});

describe('chunks', () => {
  const windows = Array.from({ length: 10 }, (_, k) => [k, k + 1, k + 2]);
  test('are even and complete', () => {
    const chunks = chunkWindows(windows, 4, 100);
    expect(chunks.map((chunk) => chunk.rows)).toEqual([4, 4, 2]);
    expect(chunks.flatMap((chunk) => chunk.windows)).toEqual(windows.map((_, k) => k));
    expect(sliceChunk(chunks[0] ?? fail(), 1, 2).ids).toEqual([1, 2, 3, 2, 3, 4]);
  });
  test('never mix lengths', () => {
    const chunks = chunkWindows([...windows, [1, 2]], 20, 100);
    expect(chunks.map((chunk) => [chunk.rows, chunk.length])).toEqual([
      [10, 3],
      [1, 2],
    ]);
  });
});

function fail(): never {
  throw new Error('missing');
}

test('neighbouring ranges are read together, distant ones apart', async () => {
  const bytes = Uint8Array.from({ length: 1_000_000 }, (_, k) => k % 251);
  const reads: [number, number][] = [];
  const folder: Folder = {
    name: 'f',
    files: [{ path: 'w', size: bytes.length }],
    open: () => ({
      size: bytes.length,
      read: async (offset, length) => {
        reads.push([offset, length]);
        return bytes.slice(offset, offset + length);
      },
    }),
  };
  const wanted = [
    [900_000, 10],
    [0, 100],
    [164, 36],
    [100, 4],
  ];
  const got = new Map<number, Uint8Array>();
  const targets: RangeTarget[] = wanted.map(([offset = 0, length = 0]) => ({
    range: { file: 'w', offset, length },
    write: (at, data) => {
      const whole = got.get(offset) ?? new Uint8Array(length);
      whole.set(data, at);
      got.set(offset, whole);
    },
  }));
  await readRanges(folder, targets);
  expect(reads).toEqual([
    [0, 200],
    [900_000, 10],
  ]);
  for (const [offset = 0, length = 0] of wanted)
    expect(got.get(offset)).toEqual(bytes.slice(offset, offset + length));
  await expect(readRanges({ ...folder, open: () => null }, targets)).rejects.toMatchObject({
    code: 'missing-file',
  });
});

test('host tensors: float16 bits, packed 4-bit sizes, int64', () => {
  expect([...toFloat32(filled('float16', [3], -5))]).toEqual([-5, -5, -5]);
  expect([...toFloat32(numbers('float16', [4], [0, 1, 1000, 2047]))]).toEqual([0, 1, 1000, 2047]);
  expect(byteSize('int4', [3, 3])).toBe(5);
  expect(numbers('int64', [2], [7, 9]).data).toEqual(BigInt64Array.of(7n, 9n));
});

test('a lock runs one piece of work at a time and survives failures', async () => {
  const lock = createLock();
  const order: string[] = [];
  const slow = lock(async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    order.push('slow');
    throw new Error('no');
  });
  const fast = lock(async () => void order.push('fast'));
  await expect(slow).rejects.toThrow('no');
  await fast;
  expect(order).toEqual(['slow', 'fast']);
});

test('the ledger closes each entry once', () => {
  const ledger = new Ledger();
  const close = ledger.add('hidden', 10);
  close();
  close();
  expect([ledger.total(), ledger.peak()]).toEqual([0, 10]);
});

test('the pace predicts what is left and the ideal cost', () => {
  const pace = new Pace();
  expect(pace.left(3, 1)).toBeNull();
  pace.add('block-0', 2, true);
  pace.add('head', 1, false);
  expect(pace.left(3, 2)).toBe(8);
  expect(
    pace.ideal(
      new Map([
        ['block-0', 4],
        ['head', 3],
      ]),
    ),
  ).toBe(11);
});

test.each([
  ['std::bad_alloc', 'out-of-memory', /Memory ran out while compiling x/],
  ['[WebGPU] Device is lost', 'device-lost', /was lost/],
  [
    'com.microsoft:Nonsense(-1) is not a registered function/op',
    'unsupported-op',
    /com\.microsoft:Nonsense/,
  ],
  [
    'NOT_IMPLEMENTED : Could not find an implementation for Sign(13) node',
    'unsupported-op',
    /Sign\(13\)/,
  ],
  ['something else', 'bug', /failed while compiling x/],
])('the runtime saying "%s" becomes %s', (text, code, message) => {
  const error = fault(new Error(text), 'compiling x');
  expect(error.code).toBe(code);
  expect(error.message).toMatch(message);
  expect(error.hint).not.toBe('');
});

test('a buffer above the limit names both sizes', () => {
  expect(bufferLimit('weight lm_head', 3 * 2 ** 30, 2 ** 30).message).toBe(
    'weight lm_head is 3.00 GiB, but this device allows at most 1.00 GiB in one buffer.',
  );
});

describe('routes of a self-test', () => {
  const names = [
    'product',
    'attention',
    'attention with subgroups',
    'soft cap',
    'sine and cosine',
    'likelihood',
  ];
  const passed = names.map((name) => ({ name, ok: true, maxError: 0, note: '' }));
  const failing = (name: string) =>
    passed.map((check) => (check.name === name ? { ...check, ok: false, maxError: 1 } : check));
  test.each([
    ['product', { usable: false, subgroups: true, softcap: true }],
    ['attention', { usable: false, subgroups: true, softcap: true }],
    ['attention with subgroups', { usable: true, subgroups: false, softcap: true }],
    ['soft cap', { usable: true, subgroups: true, softcap: false }],
    ['sine and cosine', { usable: true, subgroups: true, softcap: true }],
    ['likelihood', { usable: false, subgroups: true, softcap: true }],
  ])('%s fails', (name, routes) => {
    expect(routesOf(failing(name))).toEqual(routes);
  });
  test('subgroups that were not tested are not used', () => {
    const untested = passed.map((check) =>
      check.name === 'attention with subgroups' ? { ...check, maxError: null } : check,
    );
    expect(routesOf(untested).subgroups).toBe(false);
  });
});

test('the default budget is 70 % of a limit that small buffers lower', () => {
  const gib = 2 ** 30;
  expect(defaultBudget('webgpu', 2 * gib) / gib).toBeCloseTo(8.4);
  expect(defaultBudget('webgpu', 4 * gib) / gib).toBeCloseTo(8.4);
  expect(defaultBudget('webgpu', gib / 4) / gib).toBeCloseTo(1.05);
  expect(defaultBudget('wasm', 2 * gib) / gib).toBeCloseTo(5.6);
});
