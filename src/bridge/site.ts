// The page's end of the service worker: registers it, says when a new version is ready, and gives
// the page of a first visit several threads by one reload while nobody has touched it.

import type { SiteMessage } from '../contract/site.ts';
import { followUsedFiles } from './usedFiles.ts';

export interface SiteEvents {
  /** A new version is installed and takes over when the page is reloaded. */
  updateReady(): void;
  /** Reloading the page gives it several threads. */
  threadsAfterReload(): void;
  /** True while a reload loses nothing: nothing was opened or dropped. */
  untouched(): boolean;
}

export interface SiteLink {
  /** Reloads the page, into the new version where there is one. */
  reload(): void;
}

/** Says that this tab was reloaded for threads: never twice, whatever comes of it. */
const RELOADED = 'espalier reloaded for threads';
/** An installed page stays open for days: how often it looks for a new version when shown, ms. */
const LOOK_AGAIN_MS = 3600 * 1000;
/** How long a new version may take to take over, ms. */
const TAKEOVER_MS = 5000;

/**
 * Null where the browser has no service workers for this page, which then stays as it is: opened
 * from a file, over plain HTTP, in some private windows.
 */
export async function connectSite(page: Window, events: SiteEvents): Promise<SiteLink | null> {
  const container = (page.navigator as Partial<Navigator>).serviceWorker;
  if (!container) return null;
  let controlled = container.controller !== null;
  let reloading = false;
  let dragged = false;
  page.addEventListener('dragover', () => {
    dragged = true;
  });
  container.addEventListener('controllerchange', () => {
    if (reloading) page.location.reload();
    else if (controlled) events.updateReady();
    else firstControl();
    controlled = true;
  });

  function firstControl(): void {
    const wants = !page.crossOriginIsolated && canHaveThreads(page);
    if (wants && isUntouched() && claimReload(page)) {
      page.location.reload();
      return;
    }
    if (wants) events.threadsAfterReload();
    followUsedFiles((urls) => send(container?.controller, { kind: 'used', urls }));
  }

  const isUntouched = (): boolean =>
    !dragged && page.navigator.userActivation?.hasBeenActive === false && events.untouched();

  const registration: ServiceWorkerRegistration | undefined = await container
    .register(new URL('sw.js', page.document.baseURI), { updateViaCache: 'none' })
    .catch(() => undefined);
  // Extensions that stand in the way answer with nothing.
  if (!registration) return null;
  // Without a controller although one is active: the person reloaded past the service worker.
  if (!controlled && registration.active && !page.crossOriginIsolated && canHaveThreads(page))
    events.threadsAfterReload();
  send(registration.active, { kind: 'hello' });
  watch(registration, () => controlled && events.updateReady());
  lookAgain(page, registration);

  return {
    reload() {
      reloading = true;
      const { waiting } = registration;
      send(waiting, { kind: 'activate' });
      page.setTimeout(() => page.location.reload(), waiting ? TAKEOVER_MS : 0);
    },
  };
}

function send(worker: ServiceWorker | null | undefined, message: SiteMessage): void {
  worker?.postMessage(message);
}

/** A page inside another one gets what that one has, whatever its own headers say. */
const canHaveThreads = (page: Window): boolean =>
  page.top === page.self &&
  typeof page.crossOriginIsolated === 'boolean' &&
  page.navigator.hardwareConcurrency > 1;

/** True once in each tab; false where the browser does not let the page remember it. */
function claimReload(page: Window): boolean {
  try {
    if (page.sessionStorage.getItem(RELOADED)) return false;
    page.sessionStorage.setItem(RELOADED, 'yes');
    return true;
  } catch {
    return false;
  }
}

function watch(registration: ServiceWorkerRegistration, ready: () => void): void {
  if (registration.waiting) ready();
  registration.addEventListener('updatefound', () => {
    const fresh = registration.installing;
    fresh?.addEventListener('statechange', () => fresh.state === 'installed' && ready());
  });
}

function lookAgain(page: Window, registration: ServiceWorkerRegistration): void {
  let looked = Date.now();
  page.document.addEventListener('visibilitychange', () => {
    if (page.document.hidden || Date.now() - looked < LOOK_AGAIN_MS) return;
    looked = Date.now();
    // Offline: it looks again later.
    registration.update().catch(() => {});
  });
}
