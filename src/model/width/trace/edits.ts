// What has to change in a graph so that groups or channels can go: the same whichever of them go.

import type { Node } from '../../../onnx/graph.ts';
import type { Owners } from './label.ts';

export type Edit =
  /** A constant operand keeps the positions of the groups or channels that stay. */
  | { kind: 'slice'; node: Node; slot: number; axis: number; owners: Owners; bias: boolean }
  /** Any other operand, of as many positions, is gathered. */
  | { kind: 'gather'; node: Node; slot: number; axis: number; owners: Owners }
  /** Integers of an operand that says sizes: each becomes the count of what stays. */
  | { kind: 'sizes'; node: Node; slot: number; entries: { index: number; owners: Owners }[] }
  /** An attribute becomes the count of what stays. */
  | { kind: 'attribute'; node: Node; name: string; owners: Owners }
  /** The parts of a Split. */
  | { kind: 'split'; node: Node; parts: Owners[] }
  /** A matrix of MatMulNBits, along its outputs N or its inputs K. */
  | { kind: 'few-bits'; node: Node; along: 'N' | 'K'; owners: Owners }
  /** The declared dims of an input, an output or another value. */
  | { kind: 'declared'; value: string; axis: number; owners: Owners };
