// Graphs whose values are made twice or by nothing are named as damaged; sound ones, subgraphs
// included, pass.

import { describe, expect, it } from 'vitest';
import type { Graph } from './graph.ts';
import { requireSsa } from './ssa.ts';
import { graphOf } from './testing/text.ts';

const SOUND = `in x f32 [B,4]
  out y f32 [B,4]
  init w f32 [4,4]
  y = Add(h, w)
  h = MatMul(x, w)`;

/** A graph with an If whose branch is `inner`. */
function around(inner: Graph): Graph {
  const graph = graphOf(`in x f32 [B,4]\n init c bool [1]\n out y f32 [B,4]\n y = If(c)`);
  graph.nodes[0]?.attributes.set('then_branch', {
    name: 'then_branch',
    kind: 'graph',
    value: inner,
  });
  return graph;
}

describe('requireSsa', () => {
  it('takes graphs in any order, listed initializers and unused values', () => {
    requireSsa(graphOf(SOUND));
    requireSsa(graphOf(`${SOUND}\n in w f32 [4,4]\n unused, , z = Split(x)`));
    requireSsa(around(graphOf('out z f32 [B,4]\n z = Neg(x)')));
  });

  it('names a value that is produced twice', () => {
    expect(() => requireSsa(graphOf(`${SOUND}\n h = Neg(x)`))).toThrow(
      /value h is produced twice, the second time by Neg/,
    );
    expect(() => requireSsa(graphOf(`${SOUND}\n w = Neg(x)`))).toThrow(/value w is produced twice/);
    expect(() => requireSsa(graphOf(`${SOUND}\n a, a = Split(x)`))).toThrow(
      /value a is produced twice/,
    );
    expect(() => requireSsa(graphOf(`${SOUND}\n in x f32 [4]`))).toThrow(/Two inputs are called x/);
    expect(() => requireSsa(around(graphOf('out z f32 [B,4]\n z = Neg(x)\n z = Abs(x)')))).toThrow(
      /value z is produced twice.*Abs/,
    );
  });

  it('names a value that nothing produces', () => {
    expect(() => requireSsa(graphOf(SOUND.replace('x, w', 'nowhere, w')))).toThrow(
      /MatMul \S+ reads nowhere, which nothing/,
    );
    expect(() => requireSsa(graphOf(`${SOUND}\n out lost f32 [4]`))).toThrow(
      /output lost is produced by nothing/,
    );
    expect(() => requireSsa(around(graphOf('out z f32 [B,4]\n z = Neg(nowhere)')))).toThrow(
      /If \S+ reads nowhere/,
    );
  });
});
