// The plan and the workspace in the address bar: `#plan=3,7-9&tab=compare`.

import { formatUnits, parseUnits, type Unit } from '../units.ts';
import { isWorkspace, type WorkspaceId } from '../words/workspaces.ts';

/** '' where nothing is removed and the first workspace is open. */
export function toHash(removed: readonly Unit[], workspace: WorkspaceId): string {
  const parts = [
    removed.length > 0 && `plan=${formatUnits(removed)}`,
    workspace !== 'choose' && `tab=${workspace}`,
  ].filter(Boolean);
  return parts.length ? `#${parts.join('&')}` : '';
}

const field = (hash: string, name: string): string | null =>
  new RegExp(`(?:^#|&)${name}=([^&]*)`).exec(hash)?.[1] ?? null;

/** The plan of a hash: none removed where it names none, null when it cannot be read. */
export function planFromHash(hash: string): Unit[] | null {
  const text = field(hash, 'plan');
  if (text === null) return hash.length < 2 || field(hash, 'tab') !== null ? [] : null;
  if (text === '') return [];
  try {
    return parseUnits(decodeURIComponent(text)).units;
  } catch {
    return null;
  }
}

/** The workspace of a hash; the first where it names none that exists. */
export function workspaceFromHash(hash: string): WorkspaceId {
  const name = field(hash, 'tab');
  return isWorkspace(name) ? name : 'choose';
}
