// Entry of the worker that opens an export again. It shares nothing with the studio,
// whose state could hide what the files lack.

import { expose } from 'comlink';
import { tellUsedFiles } from '../bridge/usedFiles.ts';
import { outgoing } from '../bridge/wire.ts';
import { VERIFY_METHODS, type VerifyApi } from '../contract/verify.ts';
import { openZip } from '../files/zip.ts';
import { openModel } from '../model/open/open.ts';
import { openWasm } from '../runtime/device/wasmEngine.ts';
import { openWebgpu } from '../runtime/device/webgpuEngine.ts';
import { verifyExport } from '../runtime/verify/verify.ts';
import { browserLoader } from './browserLoader.ts';
import { folderOf } from './folderOf.ts';

const api: VerifyApi = {
  async verify(
    { written, graph, source, device, budgetBytes, window, nll, numBlocks, steps, ...reasons },
    onProgress,
  ) {
    const folder = written.kind === 'zip' ? await openZip(written.blob) : await folderOf(written);
    const opened = await openModel(await folderOf(source.folder), source.graph, source.isFloats);
    const engine =
      device.kind === 'webgpu'
        ? await openWebgpu(browserLoader, { subgroups: device.subgroups })
        : await openWasm(browserLoader);
    const expected = {
      window,
      nll,
      ...reasons,
      numBlocks,
      source: { opened, removed: source.removed },
      steps,
    };
    return verifyExport(folder, graph, expected, engine, { onProgress, budgetBytes });
  },
};

expose(outgoing<VerifyApi>(api, VERIFY_METHODS));
tellUsedFiles();
