// Perplexity of the open folder as it is, on the windows that another of its lineage was scored on:
// one pass, where a curve would take one for each block.

import { pplWords } from '../../analysis/perplexity.ts';
import type { PlanResult } from '../../contract/plan.ts';
import { LINEAGE_SAID } from '../../words/variants.ts';
import type { Context } from '../context.ts';
import { runJob } from '../runJob.ts';
import { measurableOn, reference } from './selectors.ts';
import { MOST_MEASURED } from './state.ts';

export interface LineageActions {
  /** Measures on the windows of the reference, unless that is known. */
  measureLineage(): Promise<void>;
}

export function makeLineageActions(context: Context): LineageActions {
  const { api, get, patch } = context;
  // Renamed: a name that starts with `use` reads as a React hook.
  const { useWindows: giveWindows } = api;
  return {
    async measureLineage() {
      const of = reference(get());
      if (!of || measurableOn(get()) === null) return;
      const { device, budgetBytes } = get().score.settings;
      const windows = of.windows.map((window) => [...window]);
      await runJob<never, PlanResult>(context, 'lineage', {
        started: LINEAGE_SAID.started,
        start: () => patch('lineage', { running: true, progress: null }),
        async call({ isCurrent }) {
          await giveWindows(windows, device, budgetBytes);
          return api.plan([], (progress) => {
            if (isCurrent()) patch('lineage', { progress });
          });
        },
        take({ nll, ppl }) {
          const measured = [...get().lineage.measured, { windows, nll }].slice(-MOST_MEASURED);
          patch('lineage', { measured });
          return LINEAGE_SAID.done(pplWords(ppl));
        },
        stop: () => LINEAGE_SAID.cancelled,
        end: () => patch('lineage', { running: false, progress: null }),
      });
    },
  };
}
