// The benchmark of the kit (`gpu.sh`) among the others, from the repository.

import { join } from 'node:path';
import { lookAround, noAdapterWords } from '../gpu/noAdapter.ts';
import { type GpuReport, tableOf } from '../gpu/report.ts';
import { runGpuBench } from '../gpu/run.ts';

/** @throws Error without an adapter, with what to check */
export async function benchGpu(root: string): Promise<GpuReport> {
  const report = await runGpuBench({
    entry: join(root, 'scripts/gpu.ts'),
    root,
    quick: false,
    patience: 1,
    onPart: (title, row) => row && console.error(`  ${title}: ${row.status}`),
  });
  if (!report) throw new Error(noAdapterWords(await lookAround()));
  console.error(tableOf(report));
  return report;
}
