// Entry of the studio worker: the service on this browser's ONNX Runtime, behind the thread
// boundary. Logic belongs in the service, which Node can test.

import { expose } from 'comlink';
import { tellUsedFiles } from '../bridge/usedFiles.ts';
import { outgoing } from '../bridge/wire.ts';
import { METHODS, type StudioApi } from '../contract/studio.ts';
import { EspalierError } from '../errors.ts';
import { browserLoader } from './browserLoader.ts';
import { StudioService } from './service.ts';
import type { BundledText } from './studioModel.ts';

/** The bundled texts lie beside the page; workers are built into `assets/`, one folder below it. */
const TEXTS = new URL(import.meta.env.DEV ? '/text/' : '../text/', self.location.href);

async function bundledText(which: BundledText): Promise<string> {
  const response = await fetch(new URL(`${which}.txt`, TEXTS)).catch(() => null);
  if (response?.ok) return response.text();
  throw new EspalierError(
    'missing-file',
    `The bundled ${which} text could not be fetched.`,
    'Check the connection to the host of this page, or use a text of your own.',
  );
}

const service = new StudioService(browserLoader, bundledText);
expose(outgoing<StudioApi>(service, METHODS));
tellUsedFiles();
