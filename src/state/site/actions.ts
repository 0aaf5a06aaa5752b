// What happens to the site itself while its page is open; the page is reloaded on request only.

import type { Context } from '../context.ts';

export interface SiteActions {
  updateIsReady(): void;
  reloadBringsThreads(): void;
  /** Reloads the page, into the new version where there is one. The plan is in the address. */
  reloadPage(): void;
}

export function makeSiteActions({ patch, reloadPage }: Context): SiteActions {
  return {
    updateIsReady: () => patch('site', { updateReady: true }),
    reloadBringsThreads: () => patch('site', { threadsAfterReload: true }),
    reloadPage: () => reloadPage?.(),
  };
}
