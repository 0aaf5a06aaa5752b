// Runs all contestants in turn, in an order that changes every turn.

import { type Remote, wrap } from 'comlink';
import type {
  ContestantApi,
  ContestRequest,
  ContestResult,
  Loaded,
  Timed,
  Who,
} from './contract.ts';

/** All orders of three, so that over six turns each follows each equally often. */
const ORDERS: readonly (readonly Who[])[] = [
  ['ours', 'transformers', 'bare'],
  ['bare', 'transformers', 'ours'],
  ['transformers', 'bare', 'ours'],
  ['ours', 'bare', 'transformers'],
  ['bare', 'ours', 'transformers'],
  ['transformers', 'ours', 'bare'],
];

const ALL: readonly Who[] = ['ours', 'transformers', 'bare'];

export async function contest(request: ContestRequest): Promise<ContestResult> {
  const { device, served, prompt, tokens, sittings, warmups, rounds, turns } = request;
  const loaded: Partial<Record<Who, Loaded>> = {};
  const runs: Record<Who, Timed[]> = { ours: [], transformers: [], bare: [] };
  for (let sitting = 0; sitting < sittings; sitting++) {
    const workers = ALL.map(
      () => new Worker(new URL('./contestant.ts', import.meta.url), { type: 'module' }),
    );
    try {
      const ends = Object.fromEntries(
        ALL.map((who, i) => [who, wrap<ContestantApi>(workers[i]!)]),
      ) as Record<Who, Remote<ContestantApi>>;
      for (const who of ALL) loaded[who] = await ends[who].load(who, device, served);
      for (let turn = -warmups; turn < rounds * turns; turn++) {
        for (const who of ORDERS[(turn + warmups + sitting) % ORDERS.length]!) {
          const timed = await ends[who].run(prompt, tokens);
          if (turn >= 0) runs[who].push(timed);
        }
      }
    } finally {
      for (const worker of workers) worker.terminate();
    }
  }
  return { loaded: loaded as Record<Who, Loaded>, runs };
}
