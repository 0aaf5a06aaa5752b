// Saving the pruned folder and what verification said of it. A failed export is shown as failed,
// never as done.

import type { ExportResult, ExportTarget } from '../../contract/export.ts';
import type { Context } from '../context.ts';
import { engineJob } from '../jobs.ts';
import { effectKey } from '../keys.ts';
import { NO_EXPORT } from '../state.ts';
import { studyRecord } from './study.ts';

export interface ExportActions {
  setTarget(target: 'folder' | 'zip'): void;
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
    forgetExport: () => patch('export', { result: null }),
    async exportModel(name) {
      const { model, score, effect, plan } = get();
      if (!model.current || engineJob(get())) return;
      context.clear('export');
      const removed = [...plan.present.removed];
      try {
        const target = await pickTarget(name);
        if (!target) return;
        patch('export', { ...NO_EXPORT, target: get().export.target, running: true, removed });
        context.announce('Export has started.');
        const measured = effect.known.get(effectKey(get()) ?? '') ?? null;
        const study = studyRecord(get());
        const request = {
          removed,
          name,
          target,
          score: score.curve?.result ?? null,
          plan: measured,
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
