// Saving the pruned folder and what verification said of it. A failed export is shown as failed,
// never as done.

import type { ExportRequest, ExportResult } from '../../contract/export.ts';
import type { ExportDtype } from '../../model/export/steps.ts';
import { VERDICTS_SAID } from '../../words/dialogs/exporting.ts';
import type { Context } from '../context.ts';
import { stepsOf } from '../heal/steps.ts';
import { engineJob } from '../jobs.ts';
import { effectKey } from '../keys.ts';
import { runJob } from '../runJob.ts';
import { exportForm, isPlain, isSameForm } from './selectors.ts';
import { studyRecord } from './study.ts';
import { pickTarget } from './target.ts';

export interface ExportActions {
  setTarget(target: 'folder' | 'zip'): void;
  /** Whether every precision of the folder loses the units, each as it is. */
  setAllGraphs(on: boolean): void;
  /**
   * The precision that exports, and measurements of what they write, are in; null for the source's.
   */
  setDtype(dtype: ExportDtype | null): Promise<void>;
  /** What becomes of the healed matrices of a graph of few bits. */
  setQuantised(quantised: 'again' | 'float'): void;
  /** Back to the form, as for another export. */
  forgetExport(): void;
  /** Asks where to, writes and verifies. Must start in a click: browsers open pickers only then. */
  exportModel(name: string): Promise<void>;
}

export function makeExportActions(context: Context): ExportActions {
  const { api, get, patch, store } = context;
  const sizeRequests = context.newest();

  /** What an export in the chosen form writes; a form that cannot be made is not chosen. */
  async function askSizes(): Promise<void> {
    const isNewest = sizeRequests.begin();
    const form = exportForm(get());
    const { model, export: slice } = get();
    if (!model.current || isPlain(form)) return;
    if (slice.sizes && isSameForm(slice.sizes, form)) return;
    try {
      const steps = await stepsOf(context, form.floats ?? undefined, form.dtype, 'float');
      const written = await api.writtenSizes(steps);
      if (isNewest()) patch('export', { sizes: { ...form, written } });
    } catch (error) {
      if (!isNewest()) return;
      patch('export', { dtype: null, quantised: 'again' });
      context.fail('export', error);
    }
  }

  const unsubscribe = store.subscribe((state, before) => {
    if (state.plan.present.healing !== before.plan.present.healing) void askSizes();
  });
  context.onDispose(unsubscribe);

  return {
    setTarget: (target) => patch('export', { target }),
    setAllGraphs: (allGraphs) => patch('export', { allGraphs }),
    async setDtype(dtype) {
      context.clear('export');
      patch('export', { dtype });
      await askSizes();
    },
    setQuantised(quantised) {
      patch('export', { quantised });
      void askSizes();
    },
    forgetExport: () => patch('export', { result: null }),
    async exportModel(name) {
      if (!get().model.current || engineJob(get())) return;
      context.clear('export');
      const { removed: units, healing } = get().plan.present;
      const removed = [...units];
      const target = await pickTarget(context, name);
      if (!target) return;
      const { score, effect } = get();
      const { dtype, allGraphs, quantised } = get().export;
      const { floats } = exportForm(get());
      const study = studyRecord(get());
      const request: ExportRequest = {
        removed,
        name,
        target,
        score: score.curve?.result ?? null,
        // It was measured with matrices that are quantised again.
        plan: floats === null ? (effect.known.get(effectKey(get()) ?? '') ?? null) : null,
        // A healing is of the weights of one graph.
        allGraphs: allGraphs && dtype === null && healing === undefined,
        ...(study && { study }),
      };
      await runJob<never, ExportResult>(context, 'export', {
        started: 'Export has started.',
        start: () =>
          patch('export', { running: true, progress: null, removed, healing, result: null }),
        async call({ isCurrent }) {
          const steps = await stepsOf(context, healing, dtype, quantised);
          return api.export({ ...request, steps }, (progress) => {
            if (isCurrent()) patch('export', { progress });
          });
        },
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
