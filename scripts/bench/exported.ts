// Writes the sample as an export without removals, one folder per graph, for the decode benchmark.

import { join } from 'node:path';
import { exportManifest } from '../../src/model/export/manifest.ts';
import { openModel } from '../../src/model/open/open.ts';
import { nodeFolder } from '../../src/node/folder.ts';
import { writeFolder } from '../../src/node/writeFolder.ts';
import { VERSION } from '../../src/version.ts';
import type { Served } from './browser/contract.ts';

const GRAPHS = [
  { name: 'sample-fp32', graph: 'onnx/model.onnx', dtype: 'fp32' },
  { name: 'sample-q4', graph: 'onnx/model_q4.onnx', dtype: 'q4' },
] as const;

/** Folders `out`/sample-fp32 and `out`/sample-q4. */
export async function exportSample(root: string, out: string): Promise<Served[]> {
  const folder = await nodeFolder(join(root, 'public/sample'));
  const served: Served[] = [];
  for (const { name, graph, dtype } of GRAPHS) {
    const manifest = await exportManifest(await openModel(folder, graph), [], { app: VERSION });
    await writeFolder(join(out, name), manifest.files, folder, () => {});
    served.push({
      name,
      dtype,
      graph: manifest.graph,
      files: manifest.files.map(({ path, size }) => ({ path, size })),
    });
  }
  await folder.close();
  return served;
}
