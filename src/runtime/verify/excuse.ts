// Failures to run an export that its original has here as well: an operator or an attribute without
// a kernel. They say nothing against the written files.

import { EspalierError, isCancelled } from '../../errors.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { GraphRunner } from '../decode/likelihood.ts';
import type { Engine } from '../device/engine.ts';
import { sizeObstacle } from './runs.ts';

/** Errors of ONNX Runtime itself about a graph; others are about files or memory. */
const OF_RUNTIME: ReadonlySet<string> = new Set(['unsupported-op', 'bug']);

export interface Original {
  opened: OpenedModel;
  engine: Engine;
  budgetBytes: number;
  signal: AbortSignal | undefined;
}

/**
 * True when the original fails for the same reason as its export did. One that is too large to be
 * run here excuses nothing.
 * @param work what the export failed at, once it was loaded
 * @throws EspalierError `cancelled` only
 */
export async function originalFailsToo(
  failure: unknown,
  { opened, engine, budgetBytes, signal }: Original,
  work: (runner: GraphRunner) => Promise<unknown> = async () => {},
): Promise<boolean> {
  const reason = reasonOf(failure);
  if (reason === null || sizeObstacle(opened, engine, budgetBytes) !== null) return false;
  let runner: GraphRunner | null = null;
  try {
    runner = await GraphRunner.open(opened, engine, { signal, standInEmbeddings: true });
    await work(runner);
    return false;
  } catch (error) {
    if (isCancelled(error)) throw error;
    return reasonOf(error) === reason;
  } finally {
    await runner?.dispose();
  }
}

/** What ONNX Runtime says, without names, numbers and element types, which an export may change. */
function reasonOf(error: unknown): string | null {
  if (!(error instanceof EspalierError) || !OF_RUNTIME.has(error.code) || error.detail === '')
    return null;
  return error.detail
    .replace(/'[^']*'|"[^"]*"/g, '')
    .replace(/MLFloat16|float16|float/g, '')
    .replace(/\d+/g, '');
}
