// The name of a healing: a hash of what it changes.

import type { WeightChange } from './healing.ts';

/**
 * Hex SHA-256 over the changes of a healing, in their order. Where the page has no Web Crypto (over
 * plain http from another host) it is drawn at random, so that no two healings share one.
 */
export async function healingId(changes: readonly WeightChange[]): Promise<string> {
  if (!crypto.subtle) return hex(crypto.getRandomValues(new Uint8Array(32)));
  const parts: unknown[] = [];
  for (const change of changes) {
    const { tensor, block, kind } = change;
    parts.push(
      kind === 'replaced'
        ? [tensor, block, kind, await sha256(change.values)]
        : [
            ...[tensor, block, kind, change.rank, change.scale, ...change.columns],
            ...[await sha256(change.a), await sha256(change.b)],
          ],
    );
  }
  return sha256(new TextEncoder().encode(JSON.stringify(parts)));
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
