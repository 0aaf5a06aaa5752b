// What is to be said beside a plan in the format of another tool: that the tool gives another
// model, or none, and what repairs it. The tables are llamaCpp.ts and huggingFace.ts.

import { type Unit, wholeBlocks } from '../../units.ts';
import type { DeclaredBlocks } from './declared.ts';

/** What repairs the result of a tool, as text to copy or save. */
export interface Repair {
  title: string;
  text: string;
  /** Name of the file that it is, or ''. */
  file: string;
}

/** What a tool makes of a plan. */
export interface Remarks {
  /** Sentences beside the snippet; none when the tool gives the model of the export. */
  warnings: readonly string[];
  /** Why there is no snippet: no use of it can give the model of the export. */
  withheld: string | null;
  repair: Repair | null;
}

export const NOTHING_TO_SAY: Remarks = { warnings: [], withheld: null, repair: null };

/** A plan as the tables see it. */
export interface Plan {
  declared: DeclaredBlocks;
  /** Blocks of the original. */
  n: number;
  /** The remaining blocks, ascending. */
  keep: readonly number[];
}

/** The remaining blocks of a plan; sublayers are refused elsewhere. */
export function keptBlocks(removed: readonly Unit[], n: number): number[] {
  const out = new Set<Unit>(wholeBlocks(removed));
  return Array.from({ length: n }, (_, i) => i).filter((i) => !out.has(i));
}

/** What the blocks that stay are, in their new order. */
export function ofKept<T>(list: readonly T[], keep: readonly number[]): T[] {
  return keep.map((i) => list[i] as T);
}

export function sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
