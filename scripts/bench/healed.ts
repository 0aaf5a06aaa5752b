// Steps of healing on the sample, measured one by one: what a LoRA step, a refit and a forward pass
// of the same tokens take, and how much of it ONNX Runtime's runs are.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REFIT_DEFAULTS, TRAIN_DEFAULTS } from '../../src/contract/healDefaults.ts';
import type { Engine } from '../../src/runtime/device/engine.ts';
import { heal } from '../../src/runtime/heal/heal.ts';
import type { HealJob } from '../../src/runtime/heal/healJob.ts';
import { refit } from '../../src/runtime/heal/refit.ts';
import { train } from '../../src/runtime/heal/train.ts';
import { Chain } from '../../src/runtime/pass/chain.ts';
import { ScoringContext } from '../../src/runtime/pass/scoringContext.ts';
import { runPlan } from '../../src/runtime/score/plans.ts';
import { ScoreSession } from '../../src/runtime/score/session.ts';
import { textSequences } from '../../src/text/training/sequences.ts';
import { startClocks, type Timed, timed } from './clocks.ts';
import type { SampleModel } from './scored.ts';

/** What is healed: the plan of four blocks that the goldens use. */
export const PLAN = [2, 7, 8, 9];
const { batch, length } = TRAIN_DEFAULTS;
/** The first step of a round compiles and warms up, and is not counted. */
const STEPS = 4;

export interface Round {
  /** Mean of the steps behind the first. */
  step: Timed;
  /** Of the wall time of these steps, the share outside of ONNX Runtime's runs. */
  outside: number;
  /** The plan's own forward pass over the tokens of a step, with the head. */
  stepForward: Timed;
  /** Weights read, programs compiled. */
  refit: Timed;
  /** The original over the windows of the refit, with weights and programs in place. */
  refitForward: Timed;
}

/** One round of everything. */
export async function healRound(root: string, sample: SampleModel): Promise<Round> {
  const { opened, engine } = sample;
  const { structure } = opened;
  const session = ScoreSession.open(opened, engine);
  const ids = sample.tokenizer.encode(
    readFileSync(join(root, 'public/text/calibration.txt'), 'utf8'),
  );
  const sequences = textSequences({ ids: ids.slice(0, STEPS * batch * length), length, bos: null });
  const runs = timedRuns(engine);
  const steps: Timed[] = [];
  let inRuns = 0;
  try {
    await session.alone(async (model) => {
      let read = startClocks();
      await train({
        ...{ ...model, structure, removed: PLAN, changes: [] },
        settings: { ...TRAIN_DEFAULTS, kl: 1, steps: STEPS },
        data: { fit: sequences, heldOut: [] },
        onEvent(event) {
          if (event.type !== 'step') return;
          if (event.step > 1) {
            steps.push(read());
            inRuns += runs.seconds;
          }
          runs.seconds = 0;
          read = startClocks();
        },
      });
    });
  } finally {
    runs.restore();
  }
  const sum = (clock: keyof Timed): number => steps.reduce((all, time) => all + time[clock], 0);
  const own = sequences.slice(-batch).map((sequence) => sequence.ids);
  const stepForward = await forwardPass(session, own, PLAN);
  const { samples, ...settings } = REFIT_DEFAULTS;
  const windows = sample.windows(samples ?? 64, settings.length);
  const refitForward = await forwardPass(session, windows, []);
  const refitTime = await timed(() =>
    session.alone((model) =>
      refit({ ...model, structure, removed: PLAN, settings, windows, onProgress: () => {} }),
    ),
  );
  await session.dispose();
  return {
    step: { wall: sum('wall') / steps.length, processor: sum('processor') / steps.length },
    outside: 1 - inRuns / sum('wall'),
    stepForward,
    refit: refitTime,
    refitForward,
  };
}

/** With weights and programs in place: the second of two runs. */
function forwardPass(
  session: ScoreSession,
  windows: number[][],
  removed: number[],
): Promise<Timed> {
  return session.alone(async ({ programs, folder, engine, budget }) => {
    const context = new ScoringContext(new Chain(programs, folder, engine), budget);
    const nothing = (): void => {};
    context.use(windows);
    try {
      const { planGroup } = await context.prepare(undefined, nothing);
      const run = async (): Promise<void> => {
        for (const pass of context.passes(planGroup, undefined)) {
          const hooks = { onVisit: async () => {}, onBlock: nothing };
          const end = await runPlan(pass, removed, null, hooks);
          await pass.head(end);
          end.release();
        }
      };
      await run();
      return await timed(run);
    } finally {
      await context.dispose();
    }
  });
}

/** A whole healing, refit and training, as a request of the page runs it. */
export function healOnce(
  root: string,
  { opened }: Pick<SampleModel, 'opened'>,
  session: ScoreSession,
): Promise<unknown> {
  const text = readFileSync(join(root, 'public/text/calibration.txt'), 'utf8').slice(0, 40_000);
  const job: HealJob = {
    ...{
      opened,
      session,
      removed: PLAN,
      sources: { text: source(text), heldOut: 0.2, foreign: null },
    },
    methods: [
      { ...REFIT_DEFAULTS, samples: 8 },
      { ...TRAIN_DEFAULTS, steps: 2 },
    ],
    onEvent: () => {},
  };
  return heal(job);
}

const source = (text: string) => ({ kind: 'text', name: 'calibration.txt', text }) as const;

/** Counts the seconds inside of the engine's runs, which never overlap. */
function timedRuns(engine: Engine): { seconds: number; restore(): void } {
  const { run } = engine;
  const counted = {
    seconds: 0,
    restore: () => {
      engine.run = run;
    },
  };
  engine.run = async (...given) => {
    const started = performance.now();
    try {
      return await run.apply(engine, given);
    } finally {
      counted.seconds += (performance.now() - started) / 1000;
    }
  };
  return counted;
}
