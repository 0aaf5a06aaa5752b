// Runs a measurement in a new process, where memory figures are meaningful.

import { fork } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/** What a measured module gets and gives, as JSON. */
type Json =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly Json[]
  | { readonly [key: string]: Json };

/**
 * @param module answers with `serve`
 * @throws Error when the process ends without a result
 */
export function inFreshProcess<Out>(module: URL, asked: Json): Promise<Out> {
  return new Promise((resolve, reject) => {
    const child = fork(module, [JSON.stringify(asked)]);
    let result: Out | undefined;
    child.on('message', (message) => {
      result = message as Out;
    });
    child.on('error', reject);
    child.on('exit', (code) =>
      result === undefined
        ? reject(new Error(`a measurement ended with ${code}`))
        : resolve(result),
    );
  });
}

/**
 * The other end: measures what was asked for and ends the process. ONNX Runtime's module would keep
 * it alive.
 */
export async function serveMeasurement<In, Out>(
  measure: (asked: In) => Promise<Out>,
): Promise<void> {
  const result = await measure(JSON.parse(process.argv[2] ?? 'null') as In);
  process.send?.(result, () => process.exit(0));
}

/**
 * Most bytes that were resident in this process so far. Linux counts the parent's into a child's
 * resource usage, but not into its status.
 */
export function peakResidentBytes(): number {
  const status = existsSync(STATUS) ? readFileSync(STATUS, 'utf8') : '';
  const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? process.resourceUsage().maxRSS;
  return Number(kilobytes) * 1024;
}

const STATUS = '/proc/self/status';
