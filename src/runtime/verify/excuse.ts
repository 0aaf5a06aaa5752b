// Failures to run an export that its original has here as well, or may have: an operator or an
// attribute without a kernel, an input that nothing here can make. They say nothing against the
// written files.

import { EspalierError, isCancelled } from '../../errors.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { GraphRunner } from '../decode/likelihood.ts';
import type { Engine } from '../device/engine.ts';
import type { Outcome } from './outcome.ts';
import { sizeObstacle } from './runs.ts';

/** Errors about what a graph is made of; others are about files or memory. */
const OF_GRAPH: ReadonlySet<string> = new Set(['unsupported-op', 'unsupported-graph', 'bug']);
/** What ONNX Runtime says of an operator that it knows, for types that have no kernel here. */
const NO_KERNEL = /Could not find an implementation|NOT_IMPLEMENTED/i;

export interface Original {
  opened: OpenedModel;
  engine: Engine;
  budgetBytes: number;
  signal: AbortSignal | undefined;
}

export interface Finding {
  /** Words to put before the failure. */
  words: string;
  /** The original was tried, and cannot run here whatever its size. */
  tried: boolean;
}

/**
 * Why a failure to run an export says nothing against its files: the original fails for the same
 * reason, or is too large to be tried; null when it does not fail.
 * @param work what the export failed at, once it was loaded
 * @throws EspalierError `cancelled` only
 */
export async function excuseOf(
  failure: unknown,
  original: Original,
  work: (runner: GraphRunner) => Promise<unknown> = async () => {},
): Promise<Finding | null> {
  const reason = reasonOf(failure);
  if (reason === null) return null;
  if (isTooLarge(original))
    return {
      words: 'the original, which may fail likewise, is too large to be tried here: ',
      tried: false,
    };
  const { error } = await tried(original, work);
  return error !== undefined && reasonOf(error) === reason
    ? { words: 'this device cannot run the original either: ', tried: true }
    : null;
}

/**
 * The same for a comparison that differs: the original differs as well, so that its export is as it
 * should be. @throws EspalierError `cancelled` only
 */
export async function differsToo(
  original: Original,
  compare: (runner: GraphRunner) => Promise<Outcome>,
): Promise<string | null> {
  if (isTooLarge(original)) return null;
  const { result } = await tried(original, compare);
  return !result || result.ok ? null : `the original differs in the same way (${result.detail}): `;
}

const isTooLarge = ({ opened, engine, budgetBytes }: Original): boolean =>
  sizeObstacle(opened, engine, budgetBytes) !== null;

/** What the original makes of the same work, or how it fails. @throws EspalierError `cancelled` */
async function tried<T>(
  { opened, engine, signal }: Original,
  work: (runner: GraphRunner) => Promise<T>,
): Promise<{ result?: T; error?: unknown }> {
  let runner: GraphRunner | null = null;
  try {
    runner = await GraphRunner.open(opened, engine, { signal, standIns: true });
    return { result: await work(runner) };
  } catch (error) {
    if (isCancelled(error)) throw error;
    return { error };
  } finally {
    await runner?.dispose();
  }
}

/** True when an operator has no kernel here for the types of its operands. */
export function lacksKernel(failure: unknown): boolean {
  return failure instanceof EspalierError && NO_KERNEL.test(failure.detail);
}

/** What is said, without names, numbers and element types, which an export may change. */
function reasonOf(error: unknown): string | null {
  if (!(error instanceof EspalierError) || !OF_GRAPH.has(error.code)) return null;
  return (error.detail || error.message)
    .replace(/'[^']*'|"[^"]*"/g, '')
    .replace(/MLFloat16|float16|float/g, '')
    .replace(/\d+/g, '');
}
