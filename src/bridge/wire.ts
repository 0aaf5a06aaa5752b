// Calls across the thread boundary; thrown errors keep their codes and hints.

import { proxy, type Remote } from 'comlink';
import type { Methods } from '../contract/methods.ts';
import { type ErrorReport, fromReport, toReport } from '../errors.ts';

/** Errors cross the thread in this wrapper so that codes and hints survive. */
interface WireError {
  espalier: ErrorReport;
}

type Method = (...args: never[]) => Promise<unknown>;
/** A worker as the client sees it: every method by name. */
export type RemoteMethods = Record<string, (...args: unknown[]) => Promise<unknown>>;

/** An object whose methods are all asynchronous: what can cross a thread. */
export type AsyncApi<T> = { [K in keyof T]: T[K] extends Method ? T[K] : never };

/**
 * The worker's end: the methods of the table, with thrown errors as reports. Comlink passes thrown
 * plain objects through as they are, but flattens Errors.
 */
export function outgoing<T extends object>(api: AsyncApi<T>, methods: Methods<T>): T {
  const wrapped: Partial<Record<string, Method>> = {};
  for (const name of Object.keys(methods) as (keyof T & string)[]) {
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

/**
 * The page's end: every method of the table, with all its arguments, handed to `invoke`.
 */
export function incoming<T extends object>(
  methods: Methods<T>,
  invoke: (name: keyof T & string, args: readonly unknown[]) => Promise<unknown>,
): T {
  const names = Object.keys(methods) as (keyof T & string)[];
  return Object.fromEntries(
    names.map((name) => [name, (...args: unknown[]) => invoke(name, args)]),
  ) as T;
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
