// Running an export as a job of the page, whatever it writes: progress, verdict and end.

import type { ExportResult } from '../../contract/export.ts';
import type { Progress } from '../../contract/progress.ts';
import type { Unit } from '../../units.ts';
import { VERDICTS_SAID } from '../../words/dialogs/exporting.ts';
import type { Context } from '../context.ts';
import { runJob } from '../runJob.ts';

/** What is written, as the dialog shows it: the units that go, and the healing, if any. */
interface Written {
  removed: Unit[];
  healing: string | undefined;
}

/** @param call writes and verifies */
export async function runExport(
  context: Context,
  written: Written,
  call: (onProgress: (progress: Progress) => void) => Promise<ExportResult>,
): Promise<void> {
  const { get, patch } = context;
  await runJob<never, ExportResult>(context, 'export', {
    started: 'Export has started.',
    start: () => patch('export', { running: true, progress: null, ...written, result: null }),
    call: ({ isCurrent }) =>
      call((progress) => {
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
}
