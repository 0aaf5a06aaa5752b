// The small graph operations: order, captures, renaming, trimming, types, skip norms, check.

import { describe, expect, it } from 'vitest';
import { capturesOf, dependencies } from './captures.ts';
import { checkGraph } from './check.ts';
import { DataType, type Graph } from './graph.ts';
import { renameValues } from './rename.ts';
import { expandSkipNorms, fuseSkipNorms } from './skipnorm.ts';
import { isSorted, sortedNodes } from './sort.ts';
import { graphOf, plain } from './testing/text.ts';
import { trimGraph } from './trim.ts';
import { elementTypes } from './types.ts';

/** A graph whose If branch captures `h` of the outer scope and hides `x`. */
function branching(): Graph {
  const graph = graphOf(
    'in x f32 [2]\nin c bool []\ny = If(c)\nh = Neg(x)\nz = Add(y, h)\nout z f32 [2]',
  );
  const branch = graphOf('init x f32 [2]\nt = Add(h, x)\nout t f32 [2]');
  graph.nodes[0]!.attributes.set('then_branch', {
    name: 'then_branch',
    kind: 'graph',
    value: branch,
  });
  return graph;
}

describe('sort and captures', () => {
  it('sees what subgraphs capture', () => {
    const graph = branching();
    expect(dependencies(graph.nodes[0]!)).toEqual(['c', 'h']);
    expect(capturesOf(graph)).toEqual([]);
    expect(isSorted(graph)).toBe(false);
    const sorted = sortedNodes(graph);
    expect(sorted.map((n) => n.op)).toEqual(['Neg', 'If', 'Add']);
    expect(isSorted({ ...graph, nodes: sorted })).toBe(true);
  });

  it('leaves a sorted graph in its order and refuses cycles', () => {
    const graph = graphOf('in x f32 [2]\nb = Neg(x)\na = Abs(x)\ny = Add(a, b)\nout y f32 [2]');
    expect(sortedNodes(graph)).toEqual(graph.nodes);
    expect(() => sortedNodes(graphOf('a = Neg(b)\nb = Neg(a)\nout b f32 [1]'))).toThrow(
      /cycle through [ab]/,
    );
  });

  it('sorts ten thousand nodes written backwards', () => {
    const lines = Array.from({ length: 10000 }, (_, i) => `v${i + 1} = Neg(v${i})`).reverse();
    const graph = graphOf(['in v0 f32 [1]', 'out v10000 f32 [1]', ...lines].join('\n'));
    expect(sortedNodes(graph)[0]?.inputs).toEqual(['v0']);
  });
});

describe('renameValues', () => {
  it('applies a swap at once, inside branches too, without touching hidden names', () => {
    const graph = branching();
    const before = JSON.stringify(plain(graph));
    const renamed = renameValues(
      graph,
      new Map([
        ['h', 'x'],
        ['x', 'h'],
      ]),
    );
    expect(renamed.nodes[1]?.inputs).toEqual(['h']);
    expect(renamed.nodes[1]?.outputs).toEqual(['x']);
    const branch = renamed.nodes[0]!.attributes.get('then_branch');
    expect(branch?.kind === 'graph' && branch.value.nodes[0]?.inputs).toEqual(['x', 'x']);
    expect(JSON.stringify(plain(graph))).toBe(before);
  });
});

describe('trimGraph', () => {
  it('drops dead nodes, weights, inputs and types, but no inputs that must be fed', () => {
    const graph = graphOf(
      'in x f32 [2]\nin unused f32 [2]\nin w f32 [2]\nin dead f32 [2]\ninit w f32 [2]\ninit ' +
        'dead f32 [2]\ninfo d f32 [2]\ninfo y f32 [2]\nd = Add(x, dead)\ny = Add(x, w)\nout y ' +
        'f32 [2]',
    );
    const trimmed = trimGraph(graph);
    expect(trimmed.nodes.map((n) => n.outputs[0])).toEqual(['y']);
    expect([...trimmed.initializers.keys()]).toEqual(['w']);
    expect(trimmed.inputs.map((v) => v.name)).toEqual(['x', 'unused', 'w']);
    expect([...trimmed.valueInfo.keys()]).toEqual(['y']);
  });
});

describe('elementTypes', () => {
  it('follows operators whose output type is not that of their first input', () => {
    const graph = graphOf(
      `in x f16 [2]\nin c bool [2]\ninit one f32 []\ns = Shape(x)\nf = Cast{to=1}(x)\nw = Where(c, f, one)\nq, qs, z = DynamicQuantizeLinear(f)
      m = MatMulInteger(q, q)\nv, k = TopK(x, s)\ne = Equal(x, x)\nr = Add(x, x)\nout r f16 [2]`,
    );
    const types = elementTypes(graph);
    const { int64, float, uint8, int32, float16, bool } = DataType;
    expect(
      ['s', 'f', 'w', 'q', 'qs', 'z', 'm', 'v', 'k', 'e', 'r'].map((x) => types.get(x)),
    ).toEqual([int64, float, float, uint8, float, uint8, int32, float16, int64, bool, float16]);
    expect(types.has('nothing')).toBe(false);
  });
});

describe('skip norms', () => {
  const fused = graphOf(
    `in x f32 [1,4]\nin s f32 [1,4]\ninit g f32 [4]\ninit b f32 [4]\ninit e f32 [4]
    n0, , , r0 = com.microsoft.SkipSimplifiedLayerNormalization{epsilon=0.001}(x, s, g, b)
    n1, , , r1 = com.microsoft.SkipLayerNormalization{epsilon=0.001}(r0, n0, g, e, b)
    n2 = com.microsoft.SkipSimplifiedLayerNormalization{epsilon=0.001}(r1, n1, g)
    out n2 f32 [1,4]`,
  );

  it('come apart and together again unchanged', () => {
    const open = expandSkipNorms(fused);
    expect(open.nodes.map((n) => n.op)).toEqual([
      'Add',
      'Add',
      'SimplifiedLayerNormalization',
      'Add',
      'Add',
      'LayerNormalization',
      'Add',
      'SimplifiedLayerNormalization',
    ]);
    expect(open.nodes[6]?.outputs).toEqual(['SkipSimplifiedLayerNormalization_2/espalier_sum']);
    expect(open.nodes[5]?.inputs).toEqual(['r1', 'g', 'e']);
    expect(plain(fuseSkipNorms(open))).toEqual(plain(fused));
  });

  it('stay fused when they output mean or variance; a norm without its Add stays plain', () => {
    const training = graphOf(
      'in x f32 [1]\ninit g f32 [1]\nn, mean = com.microsoft.SkipLayerNormalization(x, x, ' +
        'g)\nout n f32 [1]\nout mean f32 [1]',
    );
    expect(expandSkipNorms(training)).toBe(training);
    const open = expandSkipNorms(fused);
    const without = {
      ...open,
      nodes: open.nodes
        .slice(2)
        .map((n) => ({ ...n, inputs: n.inputs.map((x) => (x === 'r0' ? 'x' : x)) })),
    };
    expect(fuseSkipNorms(without).nodes.map((n) => [n.op, n.tag])).toEqual([
      ['SimplifiedLayerNormalization', undefined],
      ['SkipLayerNormalization', undefined],
      ['SkipSimplifiedLayerNormalization', undefined],
    ]);
  });
});

describe('checkGraph', () => {
  it('names everything that is wrong', () => {
    expect(checkGraph(graphOf('in x f32 [1]\ny = Neg(x)\nout y f32 [1]'))).toEqual([]);
    const wrong = checkGraph(
      graphOf(
        'in x f32 [1]\ninit w f32 [1]\ninfo gone f32 [1]\na = Neg(b)\nb = Neg(x)\nb = ' +
          'Abs(x)\nout a f32 [1]\nout c f32 [1]\nd = Neg(x)',
      ),
    );
    expect(wrong).toEqual([
      'Neg Neg_0 reads b, which nothing before it produces',
      'b is produced twice, the second time by Abs Abs_2',
      'output c is produced by nothing',
      'Neg Neg_3 is used by nothing',
      'weight w is used by nothing',
      'a type is declared for gone, which does not exist',
    ]);
  });
});
