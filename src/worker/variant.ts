// Entry of a variant worker: one variant on a runtime of its own, discarded with the worker. Logic
// belongs in the runtime, which Node can test.

import { expose } from 'comlink';
import { tellUsedFiles } from '../bridge/usedFiles.ts';
import { outgoing } from '../bridge/wire.ts';
import { VARIANT_METHODS, type VariantApi } from '../contract/variant.ts';
import { EspalierError } from '../errors.ts';
import { dtypeOf } from '../model/export/steps.ts';
import { needsFloats } from '../model/open/made.ts';
import { openModel } from '../model/open/open.ts';
import { LoadedVariant } from '../runtime/decode/variant.ts';
import { browserLoader } from './browserLoader.ts';
import { folderOf } from './folderOf.ts';

let variant: LoadedVariant | null = null;

function loaded(): LoadedVariant {
  if (!variant)
    throw new EspalierError('bug', 'The worker was asked to run before it loaded a variant.');
  return variant;
}

const api: VariantApi = {
  async load(request, onProgress) {
    const folder = await folderOf(request.source);
    const stored = await openModel(folder, request.graph);
    const opened = needsFloats(stored.summary, [dtypeOf(request.steps ?? [])])
      ? await openModel(folder, stored.graphPath, true)
      : stored;
    variant = await LoadedVariant.open(opened, request, browserLoader, { onProgress });
    return variant.info;
  },
  encode: async (prompt) => loaded().encode(prompt),
  run: async (shape) => loaded().run(shape),
  begin: async (start) => loaded().begin(start),
  advance: async (ms) => loaded().advance(ms),
};

expose(outgoing<VariantApi>(api, VARIANT_METHODS));
tellUsedFiles();
