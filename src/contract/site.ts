// The built site as its service worker knows it, and what the page says to that worker.

/**
 * A file of the site below its folder, and the hash of its content; '' where the name holds a hash.
 */
export type SiteFile = readonly [path: string, revision: string];

/** Written into the service worker when the site is built. */
export interface SiteFiles {
  /** Follows from all files. */
  version: string;
  /** Script that the start page of this version loads. */
  entry: string;
  /** Kept when the service worker is installed: page, scripts, styles, texts. */
  shell: readonly SiteFile[];
  /** Kept when they are first used: builds of ONNX Runtime, the sample. */
  onUse: readonly SiteFile[];
}

export type SiteMessage =
  /** A page is there: what was kept for pages that are gone can be dropped. */
  | { kind: 'hello' }
  /** Takes the place of the version before at once. */
  | { kind: 'activate' }
  /** Addresses that were fetched before the service worker saw requests. */
  | { kind: 'used'; urls: readonly string[] };
