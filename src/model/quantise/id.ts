// The name of a quantisation: a hash of what it writes, and the precision where it is written in
// one of several.

import { QUANTISED_DTYPES, type Quantisation, type QuantisedDtype } from './quantisation.ts';

/** What a quantisation is called as it is written in a precision. */
export const idInPrecision = (dtype: QuantisedDtype, { id }: Pick<Quantisation, 'id'>): string =>
  `${dtype} ${id}`;

/** The precision and the quantisation of such a name; null for another one. */
export function fromPrecision(name: string): { dtype: QuantisedDtype; id: string } | null {
  const [first, id = ''] = name.split(' ');
  const dtype = QUANTISED_DTYPES.find((one) => one === first);
  return dtype ? { dtype, id } : null;
}

/**
 * Hex SHA-256 over all of a quantisation but its record. Where the page has no Web Crypto (over
 * plain http from another host) it is drawn at random, so that no two share one.
 */
export async function quantisationId({
  removed,
  healing,
  settings,
  forms,
  computed,
}: Omit<Quantisation, 'id' | 'record'>): Promise<string> {
  if (!crypto.subtle) return hex(crypto.getRandomValues(new Uint8Array(32)));
  const sorted = <T>(all: Readonly<Record<string, T>>): [string, T][] =>
    Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1));
  const parts: unknown[] = [removed, healing, sorted({ ...settings }), sorted(forms)];
  for (const { weights, scales, zeros, ...place } of computed)
    parts.push([sorted(place), await sha256(weights), await sha256(scales), await sha256(zeros)]);
  return sha256(new TextEncoder().encode(JSON.stringify(parts)));
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
