// Calls across the thread boundary with coded errors intact; must not know what the calls do.

import { proxy, type Remote } from 'comlink';
import { fromReport, toReport } from '../errors.ts';
import type { WireError } from './api.ts';

type Method = (...args: never[]) => Promise<unknown>;
/** A worker as the client sees it: every method by name. */
export type RemoteMethods = Record<string, (...args: unknown[]) => Promise<unknown>>;

/** An object whose methods are all asynchronous: what can cross a thread. */
export type AsyncApi<T> = { [K in keyof T]: T[K] extends Method ? T[K] : never };

/**
 * Comlink passes thrown plain objects through as they are, but flattens Errors: so errors leave the
 * worker as reports.
 */
export function outgoing<T extends object>(
  api: AsyncApi<T>,
  methods: readonly (keyof T & string)[],
): T {
  const wrapped: Partial<Record<string, Method>> = {};
  for (const name of methods) {
    wrapped[name] = async (...args) => {
      try {
        return await (api[name] as Method).apply(api, args);
      } catch (error) {
        const wire: WireError = { espalier: toReport(error) };
        throw wire;
      }
    };
  }
  return wrapped as T;
}

/** One remote call: callbacks become proxies, wire errors become EspalierErrors again. */
export async function call(
  remote: Remote<RemoteMethods>,
  name: string,
  args: readonly unknown[],
): Promise<unknown> {
  const sent = args.map((arg) => (typeof arg === 'function' ? proxy(arg) : arg));
  try {
    const method = remote[name] as RemoteMethods[string];
    return await method(...sent);
  } catch (error) {
    const wire = error as Partial<WireError> | null;
    throw wire && typeof wire === 'object' && wire.espalier ? fromReport(wire.espalier) : error;
  }
}
