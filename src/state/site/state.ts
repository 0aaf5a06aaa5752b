// What the page knows of its own site: whether a new version waits, and whether a reload brings
// threads.

import { kept } from '../slice.ts';

export interface SiteSlice {
  /** A new version is ready and takes over when the page is reloaded. */
  updateReady: boolean;
  /** Reloading the page gives models on the CPU several threads. */
  threadsAfterReload: boolean;
}

export const SITE = kept<SiteSlice>({ updateReady: false, threadsAfterReload: false });
