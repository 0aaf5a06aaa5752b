// Saving the pruned folder and what verification said of it. A failed export is shown as failed,
// never as done.

import type { ExportRequest, ExportResult, ExportTarget } from '../../contract/export.ts';
import { dtypeSteps, type ExportDtype } from '../../model/export/steps.ts';
import { VERDICTS_SAID } from '../../words/dialogs/exporting.ts';
import type { Context } from '../context.ts';
import { engineJob } from '../jobs.ts';
import { effectKey } from '../keys.ts';
import { runJob } from '../runJob.ts';
import { studyRecord } from './study.ts';

export interface ExportActions {
  setTarget(target: 'folder' | 'zip'): void;
  /** Whether every precision of the folder loses the units, each as it is. */
  setAllGraphs(on: boolean): void;
  /**
   * The precision that exports, and measurements of what they write, are in; null for the source's.
   */
  setDtype(dtype: ExportDtype | null): Promise<void>;
  /** Back to the form, as for another export. */
  forgetExport(): void;
  /** Asks where to, writes and verifies. Must start in a click: browsers open pickers only then. */
  exportModel(name: string): Promise<void>;
}

export function makeExportActions(context: Context): ExportActions {
  const { api, disk, get, patch } = context;
  const sizeRequests = context.newest();

  async function pickTarget(name: string): Promise<ExportTarget | null> {
    if (get().export.target === 'folder' && disk.canSaveFolder()) {
      const handle = await disk.pickSaveFolder();
      return handle && { kind: 'folder', handle };
    }
    if (!disk.canSaveFile()) return { kind: 'zip-blob' };
    const handle = await disk.pickZipFile(`${name}.zip`);
    return handle && { kind: 'zip-file', handle };
  }

  return {
    setTarget: (target) => patch('export', { target }),
    setAllGraphs: (allGraphs) => patch('export', { allGraphs }),
    async setDtype(dtype) {
      const isNewest = sizeRequests.begin();
      context.clear('export');
      patch('export', { dtype });
      const { model, export: slice } = get();
      if (dtype === null || !model.current || slice.sizes?.dtype === dtype) return;
      try {
        const written = await api.writtenSizes(dtypeSteps(dtype));
        if (isNewest()) patch('export', { sizes: { dtype, written } });
      } catch (error) {
        if (!isNewest()) return;
        patch('export', { dtype: null });
        context.fail('export', error);
      }
    },
    forgetExport: () => patch('export', { result: null }),
    async exportModel(name) {
      if (!get().model.current || engineJob(get())) return;
      context.clear('export');
      const removed = [...get().plan.present.removed];
      const target = await pickTarget(name).catch((error: unknown) => {
        context.fail('export', error);
        return null;
      });
      if (!target) return;
      const { score, effect } = get();
      const { dtype, allGraphs } = get().export;
      const study = studyRecord(get());
      const request: ExportRequest = {
        removed,
        name,
        target,
        score: score.curve?.result ?? null,
        plan: effect.known.get(effectKey(get()) ?? '') ?? null,
        steps: dtypeSteps(dtype),
        allGraphs: allGraphs && dtype === null,
        ...(study && { study }),
      };
      await runJob<never, ExportResult>(context, 'export', {
        started: 'Export has started.',
        start: () => patch('export', { running: true, progress: null, removed, result: null }),
        call: ({ isCurrent }) =>
          api.export(request, (progress) => {
            if (isCurrent()) patch('export', { progress });
          }),
        take(result) {
          const { bytes, seconds } = result;
          patch('export', { result, measured: { bytes, seconds } });
          const verdict = VERDICTS_SAID[result.verification.status];
          // Whoever closed the dialog meanwhile still hears of it.
          if (get().view.dialog !== 'export') context.toast(verdict);
          return verdict;
        },
        stop: () => 'The export was cancelled.',
        end: () => patch('export', { running: false, progress: null }),
      });
    },
  };
}
