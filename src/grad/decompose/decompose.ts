// Takes fused operators apart, so that only primitive ones are differentiated: one entry an
// operator.

import type { Node } from '../../onnx/graph.ts';
import { operatorName } from '../../onnx/operators.ts';
import type { Builder } from '../build/builder.ts';
import { ACTIVATIONS } from './activations.ts';
import { ATTENTION } from './attention.ts';
import { EXPERTS } from './experts.ts';
import { type Decomposition, Fused, type Known } from './fused.ts';
import { RECURRENT } from './recurrent.ts';
import { ROTARY } from './rotary.ts';

const DECOMPOSITIONS: Readonly<Record<string, Decomposition>> = {
  ...ACTIVATIONS,
  ...ATTENTION,
  ...EXPERTS,
  ...RECURRENT,
  ...ROTARY,
};

/**
 * Appends primitive nodes in place of a fused one.
 * @returns the values that replace its outputs, in order; caches and states, which no chain of
 *   blocks reads, may be missing. Null for an operator that is primitive.
 * @throws EspalierError `unsupported-op` naming operator and node for a form that is not known.
 */
export function decompose(b: Builder, node: Node, known: Known): readonly string[] | null {
  const operator = operatorName(node);
  if (!Object.hasOwn(DECOMPOSITIONS, operator)) return null;
  return DECOMPOSITIONS[operator]?.(new Fused(b, node, known)) ?? null;
}
