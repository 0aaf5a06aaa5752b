// What healing the sample costs on the CPU: a LoRA step and a refit against forward passes of the
// same tokens, time outside of runs, memory against what is stated, and what ten healings leave.

import { median, type Timed } from './clocks.ts';
import { inFreshProcess } from './fresh.ts';
import { healRound, type Round } from './healed.ts';
import type { HealFound } from './healOf.ts';
import { atMost, type Check, none, report } from './limits.ts';
import { openSample } from './scored.ts';

export interface HealRow {
  device: string;
  rounds: Round[];
  /** Medians over rounds of the ratio within a round, in processor time. */
  stepRatio: number;
  refitRatio: number;
  /** Share of a step's wall time outside of runs, median. */
  outside: number;
  memory: HealFound;
  checks: Check[];
  ok: boolean;
}

const STEP = 5.5;
const REFIT = 3;
const OUTSIDE = 0.1;
const GROWTH = 1.1;
const ROUNDS = 3;
/** Uncounted ones before: code is compiled as it is used. */
const SETTLING = 1;
const CYCLES = { settling: 3, cycles: 10 };

export async function benchHeal(root: string): Promise<HealRow> {
  const sample = await openSample(root);
  const device = `${sample.engine.kind} (${sample.engine.name})`;
  const rounds: Round[] = [];
  for (let round = -SETTLING; round < ROUNDS; round++) {
    const found = await healRound(root, sample);
    if (round >= 0) rounds.push(found);
  }
  await sample.close();
  const ratio = (a: (round: Round) => Timed, b: (round: Round) => Timed): number =>
    median(rounds.map((round) => a(round).processor / b(round).processor));
  const stepRatio = ratio(
    ({ step }) => step,
    ({ stepForward }) => stepForward,
  );
  const refitRatio = ratio(
    (round) => round.refit,
    ({ refitForward }) => refitForward,
  );
  const outside = median(rounds.map((round) => round.outside));
  const memory = await inFreshProcess<HealFound>(new URL('./healOf.ts', import.meta.url), {
    root,
    ...CYCLES,
  });
  const { before, after, left } = memory;
  const checks = [
    atMost('LoRA step (KL, stored teacher) over a forward pass', stepRatio, STEP),
    atMost('refit over a forward pass', refitRatio, REFIT),
    atMost('share of a LoRA step outside of runs', outside, OUTSIDE),
    atMost('LoRA step: bytes held over stated', memory.heldBytes / memory.statedBytes, 1),
    none('bytes in the books after ten healings', Math.max(...left)),
    atMost('wasm heap after ten healings over before', after.wasm / before.wasm, GROWTH),
    atMost('script memory after ten healings over before', after.script / before.script, GROWTH),
  ];
  report(checks);
  const ok = checks.every((check) => check.ok);
  return { device, rounds, stepRatio, refitRatio, outside, memory, checks, ok };
}
