// Entry of the studio worker: the service on this browser's ONNX Runtime, behind the thread boundary. Must not hold logic.

import { expose } from 'comlink';
import { EspalierError } from '../errors.ts';
import { webLoader } from '../runtime/ort.web.ts';
import type { StudioApi } from './api.ts';
import { StudioService } from './service.ts';
import { outgoing } from './wire.ts';

/** The bundled calibration text lies beside the page; workers are built into `assets/`, one folder below it. */
const TEXT_URL = new URL(import.meta.env.DEV ? '/text/calibration.txt' : '../text/calibration.txt', self.location.href);

async function bundledText(): Promise<string> {
  const response = await fetch(TEXT_URL).catch(() => null);
  if (response?.ok) return response.text();
  throw new EspalierError(
    'missing-file',
    'The bundled calibration text could not be fetched.',
    'Check the connection to the host of this page, or use a text of your own.',
  );
}

const service = new StudioService(webLoader, bundledText);
expose(
  outgoing<StudioApi>(service, [
    'open',
    'device',
    'memory',
    'score',
    'useWindows',
    'identity',
    'plan',
    'scoreParts',
    'magnitudes',
    'hiddenCriteria',
    'search',
    'pause',
    'evaluate',
    'interrupted',
    'forget',
    'export',
    'release',
    'cancel',
  ]),
);
