// Saving the pruned folder and what verification said of it. A failed export is shown as failed,
// never as done.

import type { ExportRequest } from '../../contract/export.ts';
import { type ExportDtype, isQuantisedDtype, type StepChoice } from '../../model/export/steps.ts';
import type { Context } from '../context.ts';
import { sizeSteps, stepsOf } from '../heal/steps.ts';
import { engineJob } from '../jobs.ts';
import { effectKey } from '../keys.ts';
import { kitWindows, writesKit } from './kit.ts';
import { runExport } from './run.ts';
import {
  alsoWritten,
  exportForm,
  exportFormat,
  formatOfSource,
  formIn,
  isPlain,
  isSameForm,
} from './selectors.ts';
import { studyRecord } from './study.ts';
import { pickTarget } from './target.ts';

export interface ExportActions {
  setTarget(target: 'folder' | 'zip'): void;
  /** Whether a pruned checkpoint has the kit for continued pretraining beside it. */
  setKit(kit: boolean): void;
  /** Whether every precision of the folder loses the units, each as it is. */
  setAllGraphs(on: boolean): void;
  /** Of tensor files: in their own format, which has no other precision, or as ONNX. */
  setFormat(format: 'source' | 'onnx'): Promise<void>;
  /**
   * The precision that exports, and measurements of what they write, are in; null for the source's.
   */
  setDtype(dtype: ExportDtype | null): Promise<void>;
  /** Whether a further precision is written into the same folder; null is the source's. */
  setAlso(dtype: ExportDtype | null, on: boolean): Promise<void>;
  /** What becomes of the healed matrices of a graph of few bits. */
  setQuantised(quantised: 'again' | 'float'): void;
  /** Back to the form, as for another export. */
  forgetExport(): void;
  /** Asks where to, writes and verifies. Must start in a click: browsers open pickers only then. */
  exportModel(name: string): Promise<void>;
}

/** Forms whose sizes are remembered. */
const MOST_SIZES = 16;

export function makeExportActions(context: Context): ExportActions {
  const { api, get, patch, store } = context;
  const sizeRequests = context.newest();

  /** What exports in the chosen forms write; a form that cannot be made is not chosen. */
  async function askSizes(): Promise<void> {
    const isNewest = sizeRequests.begin();
    if (!get().model.current) return;
    const forms = [exportForm(get()), ...alsoWritten(get()).map((dtype) => formIn(get(), dtype))];
    for (const form of forms) {
      const isKnown = get().export.sizes.some((one) => isSameForm(one, form));
      // Without a key, it has to be quantised first.
      const isUnmade = isQuantisedDtype(form.dtype) && form.quantised === null;
      if (isPlain(form) || isKnown || isUnmade) continue;
      try {
        const written = await api.writtenSizes(await sizeSteps(context, form));
        if (!isNewest()) return;
        patch('export', {
          sizes: [...get().export.sizes, { ...form, written }].slice(-MOST_SIZES),
        });
      } catch (error) {
        if (!isNewest()) return;
        const { dtype, also } = get().export;
        const isMain = form.dtype === dtype;
        patch('export', {
          // Of a precision that is not to be had, the format stays: others are chosen there.
          ...(isMain && {
            dtype: null,
            quantised: 'again',
            format: dtype === null ? 'source' : 'onnx',
          }),
          also: also.filter((one) => one !== form.dtype),
        });
        context.fail('export', error);
        if (isMain && dtype !== null) await askSizes();
        return;
      }
    }
  }

  const unsubscribe = store.subscribe((state, before) => {
    const [now, then] = [exportForm(state), exportForm(before)];
    // Another precision asks for them itself.
    if (now.dtype === then.dtype && !isSameForm(now, then)) void askSizes();
  });
  context.onDispose(unsubscribe);

  return {
    setTarget: (target) => patch('export', { target }),
    setKit: (kit) => patch('export', { kit }),
    setAllGraphs: (allGraphs) => patch('export', { allGraphs }),
    async setFormat(format) {
      context.clear('export');
      patch('export', { format, ...(format === 'source' && { dtype: null, also: [] }) });
      await askSizes();
    },
    async setDtype(dtype) {
      context.clear('export');
      patch('export', { dtype });
      await askSizes();
    },
    async setAlso(dtype, on) {
      const others = get().export.also.filter((one) => one !== dtype);
      patch('export', { also: on ? [...others, dtype] : others });
      await askSizes();
    },
    setQuantised: (quantised) => patch('export', { quantised }),
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
      const further = alsoWritten(get());
      const format = formatOfSource(get()) === null ? undefined : exportFormat(get());
      const study = studyRecord(get());
      const request: ExportRequest = {
        removed,
        name,
        target,
        score: score.curve?.result ?? null,
        // It was measured with matrices that are quantised again.
        plan: floats === null ? (effect.known.get(effectKey(get()) ?? '') ?? null) : null,
        // A healing is of the weights of one graph.
        allGraphs: allGraphs && dtype === null && further.length === 0 && healing === undefined,
        ...(format && { format }),
        ...(writesKit(get()) && { kit: { windows: kitWindows(get()) } }),
        ...(study && { study }),
      };
      await runExport(context, { removed, healing }, async (onProgress) => {
        const stepsIn = (one: ExportDtype | null) =>
          stepsOf(context, { removed, healing, dtype: one, healed: quantised });
        const steps = await stepsIn(dtype);
        const also: StepChoice[][] = [];
        for (const one of further) also.push(await stepsIn(one));
        return api.export({ ...request, steps, ...(also.length > 0 && { also }) }, onProgress);
      });
    },
  };
}
