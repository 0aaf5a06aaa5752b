// What the rule of an operator may ask while groups and channels are followed through a
// block, and tell.

import type { EspalierError } from '../../../errors.ts';
import type { Node } from '../../../onnx/graph.ts';
import type { Edit } from './edits.ts';
import type { Label, Owners } from './label.ts';
import type { Entry, Size } from './size.ts';

export interface Tracing {
  label(value: string): Label | null;
  /** @throws EspalierError `unsupported-graph` where the rank is not known */
  dims(node: Node, value: string): readonly Size[];
  /** An operand of sizes; null where it is not known. */
  entries(node: Node, slot: number): readonly Entry[] | null;
  /**
   * An entry of an operand of sizes follows the dims of what holds groups or channels: it
   * changes with them.
   */
  adapts(node: Node, slot: number, index: number): boolean;
  /** Integers of an attribute or of an operand. */
  ints(node: Node, name: string, slot: number): readonly number[] | null;
  edit(edit: Edit): void;
  /**
   * An operand beside those that hold groups or channels: it has one position for all of them, or
   * one for each, and then loses the same.
   * @param axis of the operand; with `rank`, of a value of that rank that it is broadcast to
   * @throws EspalierError `unsupported-graph` for any other
   */
  beside(node: Node, slot: number, axis: number, owners: Owners, rank?: number): void;
  refuse(node: Node, why: string): EspalierError;
}
