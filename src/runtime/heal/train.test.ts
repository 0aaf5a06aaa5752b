// Training of adapters on the sample, held to PyTorch.

import { describe, expect, it } from 'vitest';
import type { HealEvent, TrainSettings } from '../../contract/heal.ts';
import type { WeightChange } from '../../model/healing/healing.ts';
import { openModel } from '../../model/open/open.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { golden, samplePath } from '../../testing/fixtures.ts';
import { wholeSequence } from '../../text/training/sequences.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { ScoreSession } from '../score/session.ts';
import { type TrainResult, train } from './train.ts';

/** `definition` in the file says what each value is. */
interface LoraGolden {
  removed: number[];
  rank: number;
  alpha: number;
  seed: number;
  rows: number;
  length: number;
  peak_lr: number;
  warmup: number;
  weight_decay: number;
  max_norm: number;
  /** Step, row, token. */
  train_ids: number[][][];
  held_ids: number[][];
  runs: Record<string, LoraRun>;
}

interface LoraRun {
  loss: number[];
  grad_norm: number[];
  ppl_healed: number;
  /** By block and matrix: L2 norms of A and B. */
  norms: Record<string, [number, number]>;
}

const GOLDEN = golden<LoraGolden>('lora');
const MATRICES = {
  fused: ['qkv', 'o', 'gate', 'up', 'down'],
  split: ['q', 'k', 'v', 'o', 'gate', 'up', 'down'],
};

const settingsOf = (
  matrices: TrainSettings['matrices'],
  kl: number,
  steps: number,
): TrainSettings => ({
  ...{ method: 'lora', kl, steps, batch: GOLDEN.rows, length: GOLDEN.length },
  ...{ rate: GOLDEN.peak_lr, warmup: GOLDEN.warmup, schedule: 'constant' },
  ...{ weightDecay: GOLDEN.weight_decay, maxNorm: GOLDEN.max_norm, seed: GOLDEN.seed },
  ...{ order: 'given', heldOutEvery: 1000, rank: GOLDEN.rank, alpha: GOLDEN.alpha, dropout: 0 },
  ...{ matrices, blocks: 0, norms: false, head: false },
});

interface Job extends Pick<Parameters<typeof train>[0], 'settings' | 'changes' | 'stop'> {
  heldOut?: number[][];
}

async function onSample(jobs: (run: (job: Job) => Promise<Ran>) => Promise<void>): Promise<void> {
  const folder = await openFolder(samplePath());
  const opened = await openModel(folder, 'onnx/model.onnx');
  const engine = await openWasm(nodeLoader);
  const session = ScoreSession.open(opened, engine);
  const { structure } = opened;
  await jobs(async ({ heldOut = [], ...job }) => {
    const data = {
      fit: GOLDEN.train_ids.flat().map(wholeSequence),
      heldOut: heldOut.map(wholeSequence),
    };
    const steps: Extract<HealEvent, { type: 'step' }>[] = [];
    const found = await session.alone((model) =>
      train({
        ...{ ...model, ...job, structure, removed: GOLDEN.removed, data },
        onEvent: (event) => void (event.type === 'step' && steps.push(event)),
      }),
    );
    expect(engine.ledger.total()).toBe(0);
    return { ...found, norms: steps.map(({ norm }) => norm) };
  });
  await session.dispose();
  await engine.dispose();
  await folder.close();
}

type Ran = TrainResult & { norms: number[] };

function expectNear(found: number, wanted: number, within: number, what: string): void {
  expect(Math.abs(found / wanted - 1), what).toBeLessThan(within);
}

function expectSteps({ losses, norms }: Ran, run: LoraRun, steps: number): void {
  expect(losses).toHaveLength(steps);
  for (const [k, loss] of losses.entries()) {
    expectNear(loss, run.loss[k]!, 1e-5, `loss of step ${k + 1}`);
    expectNear(norms[k]!, run.grad_norm[k]!, 1e-4, `gradient norm of step ${k + 1}`);
  }
}

function expectNorms(changes: readonly WeightChange[], { norms }: LoraRun, names: string[]): void {
  expect(changes).toHaveLength(Object.keys(norms).length);
  const seen = new Map<number | null, number>();
  for (const change of changes) {
    if (change.kind !== 'low-rank') throw new Error(`${change.tensor} has no adapter`);
    const slot = seen.get(change.block) ?? 0;
    seen.set(change.block, slot + 1);
    const [a, b] = norms[`${change.block}.${names[slot]}`]!;
    expectNear(normOf(change.a), a, 1e-4, `A of ${change.tensor}`);
    expectNear(normOf(change.b), b, 1e-4, `B of ${change.tensor}`);
  }
}

function normOf(bytes: Uint8Array<ArrayBuffer>): number {
  return Math.hypot(...new Float32Array(bytes.buffer));
}

describe('LoRA on the sample', () => {
  it('towards the predictions of the original is that of PyTorch over 20 steps', async () => {
    const run = GOLDEN.runs['graph-kl']!;
    await onSample(async (ran) => {
      const settings = settingsOf('fused', 1, 20);
      const found = await ran({ settings, changes: [] });
      expectSteps(found, run, 20);
      expectNorms(found.changes, run, MATRICES.fused);
      expect(found).toMatchObject({ kept: 20, stoppedAt: null, notes: [] });
      const blocks = [...new Set(found.changes.map(({ block }) => block))];
      expect(blocks).toEqual([0, 1, 3, 4, 5, 6, 10, 11, 12, 13, 14, 15]);
      // The changes put into the weights, before the first step of another training.
      const next = { settings: { ...settings, kl: 0 }, changes: found.changes };
      const held = { heldOut: GOLDEN.held_ids, stop: AbortSignal.abort() };
      const { heldOut } = await ran({ ...next, ...held });
      expectNear(Math.exp(heldOut[0]!.loss), run.ppl_healed, 1e-4, 'perplexity');
    });
  });

  it.each([
    ['graph-nll', 'fused'],
    ['seven-nll', 'split'],
  ] as const)(
    'towards the next token is that of PyTorch in its first steps (%s)',
    async (name, matrices) => {
      await onSample(async (ran) => {
        const run = GOLDEN.runs[name]!;
        const found = await ran({ settings: settingsOf(matrices, 0, 2), changes: [] });
        expectSteps(found, run, 2);
      });
    },
  );
});
