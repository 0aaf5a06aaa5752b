export function ensureBrowser(): string;
/** A Firefox that starts, Playwright's own or the system's, or null. */
export function findFirefox(): { path: string; own: boolean } | null;
