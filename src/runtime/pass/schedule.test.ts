// Pure parts of the runtime: schedules, chunks, reads, host tensors, locks.

import { totalmem } from 'node:os';
import { describe, expect, test } from 'vitest';
import { defaultBudget } from '../../memoryBudget.ts';
import type { Folder } from '../../onnx/source.ts';
import type { Unit } from '../../units.ts';
import { bufferLimit, fault } from '../device/fault.ts';
import { byteSize, filled, numbers, toFloat32 } from '../device/host.ts';
import { Ledger } from '../device/ledger.ts';
import { createLock } from '../device/ort.ts';
import { routesOf } from '../device/selfTest.ts';
import { type RangeTarget, readRanges } from '../weights/readRanges.ts';
import { chunkWindows, sliceChunk } from '../weights/windows.ts';
import { RunTimer } from './runTimer.ts';
import {
  type Ablation,
  blockCandidates,
  type Candidate,
  countBlockRuns,
  residentSchedule,
  type Step,
  sequenceOf,
  streamedSchedule,
  sublayerCandidates,
} from './schedule.ts';

/** Replays a schedule symbolically: which units each ablation went through. */
function paths(
  steps: readonly Step[],
  branchPoints: ReadonlyMap<Unit, number>,
): Map<Ablation, Unit[]> {
  const original: Unit[] = [];
  const streams = new Map<Unit, Unit[]>();
  const finished = new Map<Ablation, Unit[]>();
  for (const step of steps) {
    const { ablation } = step;
    const path =
      ablation === 'original'
        ? original
        : (streams.get(ablation) ?? original.slice(0, branchPoints.get(ablation)));
    if (step.kind === 'head') finished.set(ablation, [...path]);
    else if (ablation === 'original') original.push(step.unit);
    else streams.set(ablation, [...path, step.unit]);
  }
  return finished;
}

function scope(sequence: readonly Unit[], candidates: readonly Candidate[]) {
  return {
    scope: { sequence, candidates, from: 0, to: sequence.length, baseline: true },
    branchPoints: new Map(candidates.map((c) => [c.unit, c.at])),
  };
}

describe.each([
  ['resident', residentSchedule],
  ['streamed', streamedSchedule],
] as const)('%s schedule', (_, schedule) => {
  test.each([1, 2, 5, 16])(
    '%i blocks: every ablation runs all blocks but its own, N(N + 1)/2 runs in all',
    (n) => {
      const all = sequenceOf(n);
      const example = scope(
        all,
        blockCandidates(all, () => true),
      );
      const steps = schedule(example.scope);
      const result = paths(steps, example.branchPoints);
      expect(result.get('original')).toEqual(all);
      for (const ablation of all)
        expect(result.get(ablation)).toEqual(all.filter((block) => block !== ablation));
      expect(countBlockRuns(steps)).toBe((n * (n + 1)) / 2);
      expect(steps.filter((step) => step.kind === 'head').length).toBe(n + 1);
    },
  );

  test('leaves refused blocks out', () => {
    const sequence = sequenceOf(4);
    const example = scope(
      sequence,
      blockCandidates(sequence, (block) => block !== 2),
    );
    expect(
      [...paths(schedule(example.scope), example.branchPoints).keys()].map(String).sort(),
    ).toEqual(['0', '1', '3', 'original']);
  });

  test('sublayers: the other one runs in place of the block, on every sequence', () => {
    const sequence = sequenceOf(5, [1, '3.attn']);
    expect(sequence).toEqual([0, 2, '3.ffn', 4]);
    const example = scope(
      sequence,
      sublayerCandidates(sequence, () => true),
    );
    const result = paths(schedule(example.scope), example.branchPoints);
    expect([...result.keys()].length).toBe(7);
    expect(result.get('2.attn')).toEqual([0, '2.ffn', '3.ffn', 4]);
    expect(result.get('4.ffn')).toEqual([0, 2, '3.ffn', '4.attn']);
  });
});

test('the streamed schedule visits each block once', () => {
  const sequence = sequenceOf(6);
  for (const candidates of [
    blockCandidates(sequence, () => true),
    sublayerCandidates(sequence, () => true),
  ]) {
    const visits = streamedSchedule(scope(sequence, candidates).scope).flatMap((step) =>
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
  const ranges = [
    [900_000, 10],
    [0, 100],
    [164, 36],
    [100, 4],
  ];
  const got = new Map<number, Uint8Array>();
  const targets: RangeTarget[] = ranges.map(([offset = 0, length = 0]) => ({
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
  for (const [offset = 0, length = 0] of ranges)
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

test('the timer predicts what is left and the ideal cost', () => {
  const timer = new RunTimer();
  expect(timer.left(3, 1)).toBeNull();
  timer.add('block-0', 2, true);
  timer.add('head', 1, false);
  expect(timer.left(3, 2)).toBe(8);
  expect(
    timer.ideal(
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
  [
    '/s/contrib_ops/cpu/moe/moe_base_cpu.h:46 onnxruntime::contrib::MoEBaseCPU::MoEBaseCPU(' +
      'const OpKernelInfo &) Unsupported MoE activation type: geglu',
    'unsupported-op',
    /no kernel for MoE \(while compiling x\): Unsupported MoE activation type: geglu\.$/,
  ],
  [
    'causal_conv_with_state.cc:57 onnxruntime::contrib::CausalConvWithState<float>::' +
      'CausalConvWithState(const OpKernelInfo &) [T = float] info.Get("state_window") == 0 was ' +
      'false. CPU CausalConvWithState does not support state_window > 0 (CUDA EP only)',
    'unsupported-op',
    /no kernel for CausalConvWithState \(while compiling x\): CPU CausalConvWithState does not/,
  ],
  [
    'Non-zero status code returned while running MoE node. Name:"n" Status Message: FC3 is not ' +
      'implemented for CPU MoE.',
    'unsupported-op',
    /no kernel for MoE/,
  ],
  [
    'Non-zero status code returned while running MatMul node. Status Message: shapes differ',
    'bug',
    /failed while compiling x, at the operator MatMul\./,
  ],
  [
    'no available backend found. ERR: [wasm] RuntimeError: Aborted(NetworkError: Failed to load)',
    'device-lost',
    /wasm file of ONNX Runtime could not be fetched/,
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
    'weight lm_head is 3.2 GB, but this device allows at most 1.1 GB in one buffer.',
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
  const machine = Math.min(totalmem(), process.constrainedMemory() || totalmem());
  expect(defaultBudget('wasm', 2 * gib)).toBe(Math.floor(0.7 * Math.min(8 * gib, machine)));
  expect(defaultBudget('cpu', 2 * gib)).toBe(Math.floor(0.7 * machine));
});
