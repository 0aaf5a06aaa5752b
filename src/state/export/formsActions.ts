// A healing of a graph of few bits in both forms that an export can have, measured on demand: how
// much rounding its changed matrices again costs.

import type { HealedForms } from '../../contract/export.ts';
import type { WrittenSizes } from '../../model/open/size.ts';
import { FORMS } from '../../words/dialogs/exporting.ts';
import type { Context } from '../context.ts';
import { stepsOf } from '../heal/steps.ts';
import { runJob } from '../runJob.ts';
import { formsKey } from './selectors.ts';
import type { FormsSlice } from './state.ts';

export interface FormsActions {
  /** Perplexity of both forms on the windows of the curve, and what the larger one writes. */
  measureForms(): Promise<void>;
}

export function makeFormsActions(context: Context): FormsActions {
  const { api, get, patch } = context;
  const patchForms = (fields: Partial<FormsSlice>): void =>
    patch('export', { forms: { ...get().export.forms, ...fields } });
  return {
    async measureForms() {
      const key = formsKey(get());
      const { removed, healing } = get().plan.present;
      if (key === null || healing === undefined) return;
      await runJob<never, { value: HealedForms; written: WrittenSizes }>(context, 'forms', {
        started: FORMS.started,
        start: () => patchForms({ running: true, progress: null }),
        async call({ isCurrent }) {
          const written = await api.writtenSizes(
            await stepsOf(context, { removed, healing, dtype: null, healed: 'float' }),
          );
          const value = await api.measureForms(healing, (progress) => {
            if (isCurrent()) patchForms({ progress });
          });
          return { value, written };
        },
        take({ value, written }) {
          patchForms({ known: { key, value, written } });
          return FORMS.lost(value.again.nll - value.float.nll);
        },
        stop: () => FORMS.cancelled,
        end: () => patchForms({ running: false, progress: null }),
      });
    },
  };
}
