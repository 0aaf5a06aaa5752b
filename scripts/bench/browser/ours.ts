// Espalier as a contestant: the variant that the product measures, opened from the same folder.

import { hostedFolder } from '../../../src/files/hosted.ts';
import { openModel } from '../../../src/model/open/open.ts';
import { LoadedVariant } from '../../../src/runtime/decode/variant.ts';
import { webLoader } from '../../../src/runtime/device/ort.web.ts';
import { runSelfTest } from '../../../src/runtime/device/selfTest.ts';
import { VERSION } from '../../../src/version.ts';
import type { Contestant } from './bare.ts';
import type { ContestantApi } from './contract.ts';
import { addressOf } from './files.ts';
import { ortOf, runtimeFor } from './runtime.ts';

const GREEDY = { temperature: 0, topK: 0, topP: 1, seed: 0 };

export const openOurs = async (
  ...[, device, served]: Parameters<ContestantApi['load']>
): Promise<Contestant> => {
  const runtime = await runtimeFor(device);
  const opened = await openModel(
    hostedFolder({ name: served.name, baseUrl: addressOf(served), files: served.files }),
    served.graph,
  );
  const selfTest = device === 'webgpu' ? await runSelfTest(webLoader) : null;
  const variant = await LoadedVariant.open(
    opened,
    { removed: [], device, selfTest, graphCapture: false },
    webLoader,
    {},
  );
  const { notes, cache } = variant.info;
  return {
    loaded: {
      library: `espalier ${VERSION}`,
      ort: ortOf(runtime),
      notes: [...notes, `${cache} cache`],
    },
    async run(prompt, tokens) {
      const { ttft, seconds, hostSeconds, ids } = await variant.run({
        ids: prompt,
        tokens,
        batch: 1,
        sampling: GREEDY,
      });
      return { ttft, seconds, hostSeconds, ids };
    },
    async close() {
      await variant.close();
      return variant.ownBytes;
    },
  };
};
