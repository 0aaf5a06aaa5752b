// A worker that holds one contestant and times its runs.

import { expose } from 'comlink';
import { type Contestant, openBare } from './bare.ts';
import type { ContestantApi } from './contract.ts';

let contestant: Contestant | null = null;

const open: Record<
  Parameters<ContestantApi['load']>[0],
  (...args: Parameters<ContestantApi['load']>) => Promise<Contestant>
> = {
  bare: openBare,
  ours: async (...args) => (await import('./ours.ts')).openOurs(...args),
  transformers: async (...args) => (await import('./transformers.ts')).openTransformers(...args),
};

function loaded(): Contestant {
  if (!contestant) throw new Error('nothing is loaded');
  return contestant;
}

const api: ContestantApi = {
  async load(who, device, served) {
    contestant = await open[who](who, device, served);
    return contestant.loaded;
  },
  run: (prompt, tokens) => loaded().run(prompt, tokens),
  close: () => loaded().close(),
};

expose(api);
