// The store as the page has it: on the real studio, the real disk and the address bar.

import { createMeter } from '../bridge/meter.ts';
import type { SiteLink } from '../bridge/site.ts';
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
import { isUntouched } from './site/selectors.ts';
import { createStudioStore, type StudioStore } from './store.ts';

export function createBrowserStore(studio: Studio, address: Address): StudioStore {
  let site: SiteLink | null = null;
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
      reloadPage: () => (site ? site.reload() : window.location.reload()),
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
  if (import.meta.env.PROD)
    void whenLoaded().then(async () => {
      site = await connectToSite(store);
    });
  return store;
}

/** The first page comes first: the service worker and all it fetches come after it. */
function whenLoaded(): Promise<void> {
  if (document.readyState === 'complete') return Promise.resolve();
  return new Promise((resolve) => window.addEventListener('load', () => resolve(), { once: true }));
}

async function connectToSite({ state, actions }: StudioStore): Promise<SiteLink | null> {
  const { connectSite } = await import('../bridge/site.ts');
  return connectSite(window, {
    updateReady: actions.updateIsReady,
    threadsAfterReload: actions.reloadBringsThreads,
    untouched: () => isUntouched(state.getState()),
  });
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
