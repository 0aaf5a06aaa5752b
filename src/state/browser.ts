// The store as the page has it: on the real studio, the real disk and the address bar.

import { createMeter } from '../bridge/meter.ts';
import type { Studio } from '../bridge/studio.ts';
import { browserDisk } from '../files/disk.ts';
import { makeKeptShelf } from '../files/keptStudies.ts';
import { makeRecentShelf } from '../files/recentFolders.ts';
import {
  recallChoice,
  recallNumbers,
  rememberChoice,
  rememberNumbers,
} from '../files/rememberedValues.ts';
import type { Address } from './context.ts';
import { sampleSource } from './open/sample.ts';
import { createStudioStore, type StudioStore } from './store.ts';

export function createBrowserStore(studio: Studio, address: Address): StudioStore {
  const store = createStudioStore(
    {
      api: studio.api,
      meter: createMeter(studio.api),
      disk: browserDisk,
      sample: sampleSource(document.baseURI),
      planDelayMs: 150,
      now: () => performance.now(),
      kept: makeKeptShelf(),
      recents: makeRecentShelf(),
      choices: {
        recall: recallChoice,
        remember: rememberChoice,
        recallNumbers,
        rememberNumbers,
      },
    },
    address,
  );
  studio.onReplaced(store.actions.engineReplaced);
  return store;
}

/** Reads and writes the hash without adding steps to the browser's own history. */
export function browserAddress(page: Window): Address {
  return {
    read: () => page.location.hash,
    write(hash) {
      if (page.location.hash !== hash)
        page.history.replaceState(null, '', hash || page.location.pathname + page.location.search);
    },
  };
}
