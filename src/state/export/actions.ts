// Saving the pruned folder and what verification said of it. A failed export is shown as failed,
// never as done.

import type { ExportResult, ExportTarget } from '../../contract/export.ts';
import { dtypeSteps, type ExportDtype } from '../../model/export/steps.ts';
import type { Context } from '../context.ts';
import { engineJob } from '../jobs.ts';
import { effectKey } from '../keys.ts';
import { NO_EXPORT } from '../state.ts';
import { studyRecord } from './study.ts';

export interface ExportActions {
  setTarget(target: 'folder' | 'zip'): void;
  /**
   * The precision that exports, and measurements of what they write, are in; null for the source's.
   */
  setDtype(dtype: ExportDtype | null): Promise<void>;
  /** Back to the form, as for another export. */
  forgetExport(): void;
  /** Asks where to, writes and verifies. Must start in a click: browsers open pickers only then. */
  exportModel(name: string): Promise<void>;
}

const VERDICTS: Record<ExportResult['verification']['status'], string> = {
  verified: 'Exported and verified.',
  'in-parts': 'Exported; right block by block, but too large to be run whole here.',
  unverified: 'Exported, but not verified.',
  failed: 'The export failed verification.',
};

export function makeExportActions(context: Context, measureAgain: () => void): ExportActions {
  const { api, disk, get, patch } = context;

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
    async setDtype(dtype) {
      const { current } = get().model;
      context.clear('export');
      patch('export', { dtype });
      if (dtype === null || !current || get().export.sizes?.dtype === dtype) return;
      try {
        const written = await api.writtenSizes(dtypeSteps(dtype));
        if (get().model.current === current) patch('export', { sizes: { dtype, written } });
      } catch (error) {
        if (get().model.current !== current || get().export.dtype !== dtype) return;
        patch('export', { dtype: null });
        context.fail('export', error);
      }
    },
    forgetExport: () => patch('export', { result: null }),
    async exportModel(name) {
      const { model, score, effect, plan } = get();
      if (!model.current || engineJob(get())) return;
      context.clear('export');
      const removed = [...plan.present.removed];
      try {
        const target = await pickTarget(name);
        if (!target) return;
        const { dtype, sizes } = get().export;
        patch('export', {
          ...NO_EXPORT,
          target: get().export.target,
          dtype,
          sizes,
          running: true,
          removed,
        });
        context.announce('Export has started.');
        const measured = effect.known.get(effectKey(get()) ?? '') ?? null;
        const study = studyRecord(get());
        const request = {
          removed,
          name,
          target,
          score: score.curve?.result ?? null,
          plan: measured,
          steps: dtypeSteps(dtype),
          ...(study && { study }),
        };
        const result = await api.export(request, (progress) => patch('export', { progress }));
        patch('export', { result });
        const verdict = VERDICTS[result.verification.status];
        // Whoever closed the dialog meanwhile still hears of it.
        if (get().view.dialog === 'export') context.announce(verdict);
        else context.toast(verdict);
      } catch (error) {
        context.fail('export', error);
        context.announce('The export has stopped.');
      } finally {
        patch('export', { running: false, progress: null });
        measureAgain();
      }
    },
  };
}
