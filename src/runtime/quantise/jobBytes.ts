// Bytes of graph and weights that an export will write, without reading any.

import { nameHeadSize } from '../../model/export/facts.ts';
import { graphFiles } from '../../model/export/graphFiles.ts';
import { exportedFiles } from '../../model/export/manifest.ts';
import { graphWithin } from '../../model/export/names.ts';
import { exportSteps, type StepChoice } from '../../model/export/steps.ts';
import { loaderOf } from '../../model/export/usage.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { planSize } from '../../model/open/size.ts';
import { planRemoval } from '../../model/structure/removal.ts';
import type { Unit } from '../../units.ts';

/**
 * Of the decoder files without the units `removed`, after the steps. Small constants may be read.
 * @throws EspalierError as `exportedFiles`
 */
export async function bytesWritten(
  opened: OpenedModel,
  removed: readonly Unit[],
  steps: readonly StepChoice[],
): Promise<number> {
  const { folder, root, structure, config } = opened;
  const kind = loaderOf(
    (path) => root.folder.open(path) !== null,
    graphWithin(opened, opened.graphPath),
  );
  const removal = planRemoval(structure, removed);
  let total = 0;
  for (const { path, model } of exportedFiles(opened, removed, exportSteps(removed, steps))) {
    if (kind === 'transformers.js') nameHeadSize(model, structure, removal, config.headSize);
    const options = { kind, taken: new Set<string>(), partBytes: undefined };
    const { files } = await graphFiles(folder, path, model, options);
    total += files.reduce((sum, { size }) => sum + size, 0);
  }
  return total;
}

/**
 * Of the model without the units `removed` as the source stores it: of tensor files their own
 * bytes, not those of the graph that is made for them.
 * @throws EspalierError as `exportedFiles`
 */
export async function bytesOfSource(
  opened: OpenedModel,
  removed: readonly Unit[],
): Promise<number> {
  return opened.tensorSource
    ? planSize(opened.summary, removed).bytes
    : bytesWritten(opened, removed, []);
}
