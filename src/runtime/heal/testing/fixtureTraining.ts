// Trainings of small fixtures on wasm, for tests.

import { expect } from 'vitest';
import type { HealEvent, TrainSettings } from '../../../contract/heal.ts';
import { openModel } from '../../../model/open/open.ts';
import { nodeFolder } from '../../../node/folder.ts';
import { fixturePath, golden } from '../../../testing/fixtures.ts';
import { type Sequence, wholeSequence } from '../../../text/training/sequences.ts';
import type { Engine } from '../../device/engine.ts';
import { nodeLoader } from '../../device/ort.node.ts';
import { openWasm } from '../../device/wasmEngine.ts';
import { ScoreSession } from '../../score/session.ts';
import { type TrainJob, type TrainResult, train } from '../train.ts';
import { setUpTraining, type TrainingJob, type TrainingSetup } from '../trainingSetup.ts';

const SETTINGS: TrainSettings = {
  ...{ method: 'lora', kl: 0, steps: 4, batch: 2, length: 24, rate: 1e-2, warmup: 0 },
  ...{ schedule: 'constant', weightDecay: 0, maxNorm: null, seed: 1, order: 'given' },
  ...{ heldOutEvery: 2, rank: 2, alpha: 4, dropout: 0, matrices: 'fused' },
  ...{ blocks: 1, norms: true, head: false },
};

interface Asked
  extends Partial<
    Pick<TrainJob, 'removed' | 'changes' | 'signal' | 'stop' | 'gate' | 'store' | 'onEvent'>
  > {
  settings?: Partial<TrainSettings>;
  fit?: readonly Sequence[];
  heldOut?: readonly Sequence[];
  budgetBytes?: number | undefined;
  /** Before a run, with the number of those before it. */
  onRun?(before: number): void;
}

interface Ran extends TrainResult {
  runs: number;
  events: HealEvent[];
  /** Peak of the engine's ledger in bytes. */
  peak: number;
  setup: TrainingSetup;
}

/** A fixture opened for several trainings. */
export interface FixtureTraining {
  sequences: Sequence[];
  job(asked: Asked): TrainingJob;
  run(asked: Asked): Promise<Ran>;
  close(): Promise<void>;
}

/** The windows of its golden are what is learned by default; the last one is held out. */
export async function openFixtureTraining(name: string): Promise<FixtureTraining> {
  const folder = await nodeFolder(fixturePath(name));
  const opened = await openModel(folder);
  const sequences = golden(name).windows.map(wholeSequence);
  let before = 0;
  let onRun: Asked['onRun'];
  const open = async (): Promise<Engine> => {
    const wasm = await openWasm(nodeLoader);
    return Object.create(wasm, {
      run: {
        value: (...args: Parameters<Engine['run']>) => {
          onRun?.(before);
          before += 1;
          return wasm.run(...args);
        },
      },
    });
  };
  const jobOf = (
    { settings, removed = [], changes = [], ...asked }: Asked,
    session: ScoreSession,
  ): TrainingJob => ({
    ...session.model,
    structure: opened.structure,
    removed,
    changes,
    settings: { ...SETTINGS, ...settings },
    data: {
      fit: asked.fit ?? sequences.slice(0, -1),
      heldOut: asked.heldOut ?? sequences.slice(-1),
    },
  });
  const idle = await open();
  return {
    sequences,
    job: (asked) => jobOf(asked, ScoreSession.open(opened, idle, asked)),
    async run(asked) {
      const engine = await open();
      before = 0;
      onRun = asked.onRun;
      const session = ScoreSession.open(opened, engine, { budgetBytes: asked.budgetBytes });
      const events: HealEvent[] = [];
      const job = jobOf(asked, session);
      try {
        const found = await session.alone(() =>
          train({
            ...{ ...asked, ...job },
            onEvent(event) {
              events.push(event);
              asked.onEvent?.(event);
            },
          }),
        );
        const setup = setUpTraining(job);
        return { ...found, runs: before, events, peak: engine.ledger.peak(), setup };
      } finally {
        await session.dispose();
        expect(engine.ledger.total(), 'bytes that a training has left').toBe(0);
        await engine.dispose();
      }
    },
    async close() {
      await idle.dispose();
      await folder.close();
    },
  };
}
