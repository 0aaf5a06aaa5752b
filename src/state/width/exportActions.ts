// Exporting a model that is narrower in every layer alike, through the dialog of exports.

import type { ExportRequest } from '../../contract/export.ts';
import type { WidthPlan } from '../../model/width/types.ts';
import type { Context } from '../context.ts';
import { runExport } from '../export/run.ts';
import { formatOfSource } from '../export/selectors.ts';
import { pickTarget } from '../export/target.ts';
import { engineJob } from '../jobs.ts';
import { widthName } from './name.ts';
import { widthStep } from './selectors.ts';

export interface WidthExportActions {
  /**
   * Asks where to, writes the narrower model and verifies it. Must start in a click: browsers open
   * pickers only then.
   */
  exportWidth(plan: WidthPlan): Promise<void>;
}

export function makeWidthExportActions(context: Context): WidthExportActions {
  const { api, get, patch } = context;
  return {
    async exportWidth(plan) {
      const { current } = get().model;
      if (!current || engineJob(get())) return;
      context.clear('export');
      const name = widthName(current.summary, plan);
      const target = await pickTarget(context, name);
      if (!target) return;
      const request: ExportRequest = {
        removed: [],
        name,
        target,
        score: get().score.curve?.result ?? null,
        plan: null,
        steps: [widthStep(plan)],
        // A graph of its own is written, of tensor files too.
        ...(formatOfSource(get()) !== null && { format: 'onnx' as const }),
      };
      await runExport(context, { removed: [], healing: undefined }, (onProgress) => {
        patch('view', { dialog: 'export' });
        return api.export(request, onProgress);
      });
    },
  };
}
