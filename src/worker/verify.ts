// Entry of the worker that re-opens an export with a runtime of its own and is thrown away
// afterwards. Must not share anything with the studio.

import { expose } from 'comlink';
import { openZip } from '../files/zip.ts';
import { openModel } from '../model/open.ts';
import { webLoader } from '../runtime/ort.web.ts';
import { verifyExport } from '../runtime/verify.ts';
import { openWasm } from '../runtime/wasmEngine.ts';
import { openWebgpu } from '../runtime/webgpuEngine.ts';
import { folderOf } from './folderOf.ts';
import type { VerifyApi } from './verifyApi.ts';
import { outgoing } from './wire.ts';

const api: VerifyApi = {
  async verify(
    { written, graph, window, nll, whyNoNll, numBlocks, source, device, budgetBytes },
    onProgress,
  ) {
    const folder = written.kind === 'zip' ? await openZip(written.blob) : await folderOf(written);
    const opened = await openModel(await folderOf(source.folder), source.graph);
    const engine =
      device.kind === 'webgpu'
        ? await openWebgpu(webLoader, { subgroups: device.subgroups })
        : await openWasm(webLoader);
    const expected = {
      window,
      nll,
      whyNoNll,
      numBlocks,
      source: { opened, removed: source.removed },
    };
    return verifyExport(folder, graph, expected, engine, { onProgress, budgetBytes });
  },
};

expose(outgoing<VerifyApi>(api, ['verify']));
