// Graphs in float16: what becomes float16, what stays float32, where the Casts are, and that the
// result is a graph that runs.

import { describe, expect, it } from 'vitest';
import { checkGraph } from '../../onnx/check.ts';
import { DataType, type Graph, intAttribute, type Model, type Node } from '../../onnx/graph.ts';
import { modelOf } from '../../onnx/testing/text.ts';
import { toFloat16 } from './convert.ts';

const FLOAT = { 1: 'f32', 10: 'f16' } as Record<number, string>;

/** The float32 graph of the lines, as float16; ids and past are what the lines call so. */
function converted(lines: string, edit?: (model: Model) => void, genai = false): Graph {
  const model = modelOf(lines);
  edit?.(model);
  const states = new Set(model.graph.inputs.map(({ name }) => name).filter((x) => /past/.test(x)));
  const { graph } = toFloat16(model, { tokens: 'ids', states }, genai);
  expect(checkGraph(graph)).toEqual([]);
  return graph;
}

/** One line a node: Add(x, y) -> z; Casts say to what. */
function shown({ nodes }: Graph): string[] {
  return nodes.map((node) => {
    const to = intAttribute(node, 'to');
    const type = node.op === 'Cast' ? `:${FLOAT[to ?? 0] ?? to}` : '';
    return `${node.op}${type}(${node.inputs.join(', ')}) -> ${node.outputs.join(', ')}`;
  });
}

const typeOf = (graph: Graph, name: string): string | undefined =>
  FLOAT[
    graph.initializers.get(name)?.type ??
      [...graph.inputs, ...graph.outputs].find((value) => value.name === name)?.type ??
      0
  ];

const scalar = (name: string, value: number) => (model: Model) =>
  model.graph.initializers.set(name, {
    name,
    type: DataType.float,
    dims: [],
    data: new Uint8Array(Float32Array.of(value).buffer),
  });

const halves = ({ data }: { data: unknown }): number[] => [
  ...new Uint16Array((data as Uint8Array).slice().buffer),
];

/** An embedding, a product and the logits around the lines, which make y of x. */
const around = (lines: string): string => `
  in ids i64 [B,S]
  out logits f32 [B,S,6]
  init table f32 [6,4]
  init head f32 [4,6]
  x = Gather(table, ids)
  ${lines}
  logits = MatMul(y, head)`;

describe('the residual stream and its norms', () => {
  it('keeps a norm made of formulas in float32, cast once on its way there and once back', () => {
    const graph = converted(
      around(`
        init two f32 []
        init epsilon f32 []
        init weight f32 [4]
        wide = Cast{to=1}(x)
        square = Pow(wide, two)
        mean = ReduceMean(square)
        sum = Add(mean, epsilon)
        root = Sqrt(sum)
        normed = Div(wide, root)
        narrow = Cast{to=1}(normed)
        scaled = Mul(weight, narrow)
        y = Add(x, scaled)`),
    );
    expect(shown(graph)).toEqual([
      'Gather(table, ids) -> x',
      'Cast:f32(x) -> x_f32',
      'Pow(x_f32, two) -> square',
      'ReduceMean(square) -> mean',
      'Add(mean, epsilon) -> sum',
      'Sqrt(sum) -> root',
      'Div(x_f32, root) -> normed',
      'Cast:f16(normed) -> normed_f16',
      'Mul(weight, normed_f16) -> scaled',
      'Add(x, scaled) -> y',
      'MatMul(y, head) -> logits_f16',
      'Cast:f32(logits_f16) -> logits',
    ]);
    for (const name of ['table', 'head', 'weight']) expect(typeOf(graph, name)).toBe('f16');
    for (const name of ['two', 'epsilon', 'logits']) expect(typeOf(graph, name)).toBe('f32');
  });

  it('leaves the means of fused norms float32, and casts nothing else', () => {
    const graph = converted(
      around(`
        init weight f32 [4]
        out mean f32 [B,S,1]
        normed, mean, = LayerNormalization(x, weight)
        a, , , sum = com.microsoft.SkipSimplifiedLayerNormalization(normed, x, weight)
        y = Add(a, sum)`),
    );
    expect(shown(graph).filter((line) => line.startsWith('Cast'))).toEqual([
      'Cast:f32(logits_f16) -> logits',
    ]);
    expect(typeOf(graph, 'mean')).toBe('f32');
  });

  it('computes a GELU made of formulas without leaving float16’s range', () => {
    const graph = converted(
      around(`
        init three f32 []
        init factor f32 []
        init one f32 []
        cube = Pow(x, three)
        part = Mul(cube, factor)
        sum = Add(x, part)
        bent = Tanh(sum)
        moved = Add(bent, one)
        y = Mul(x, moved)`),
    );
    expect(shown(graph).filter((line) => line.startsWith('Cast'))).toEqual([
      'Cast:f32(x) -> x_f32',
      'Cast:f16(moved) -> moved_f16',
      'Cast:f32(logits_f16) -> logits',
    ]);
  });

  it('gives constants that both need in both types', () => {
    const graph = converted(
      around(`
        init one f32 []
        square = Pow(x, one)
        mean = ReduceMean(square)
        normed = Div(x, mean)
        sum = Add(x, normed)
        y = Add(sum, one)`),
    );
    expect(typeOf(graph, 'one')).toBe('f32');
    expect(graph.initializers.get('one_f16')?.type).toBe(DataType.float16);
  });
});

describe('positions', () => {
  it('stay float32 until the text meets them, cast once for all blocks', () => {
    const graph = converted(
      around(`
        in positions i64 [B,S]
        init frequencies f32 [1,2,1]
        init axes i64 [1]
        as = Cast{to=1}(positions)
        angles = MatMul(frequencies, as)
        cosine = Cos(angles)
        first = Unsqueeze(cosine, axes)
        second = Unsqueeze(cosine, axes)
        a = Mul(x, first)
        y = Mul(a, second)`),
    );
    expect(typeOf(graph, 'frequencies')).toBe('f32');
    expect(shown(graph).filter((line) => line.includes('cos'))).toEqual([
      'Cos(angles) -> cosine',
      'Cast:f16(cosine) -> cosine_f16',
      'Unsqueeze(cosine_f16, axes) -> first',
      'Unsqueeze(cosine_f16, axes) -> second',
    ]);
  });

  it('read tables of theirs in float16', () => {
    const graph = converted(
      around(`
        in positions i64 [B,S]
        init places f32 [9,4]
        place = Gather(places, positions)
        y = Add(x, place)`),
    );
    expect(typeOf(graph, 'places')).toBe('f16');
    expect(shown(graph)).toContain('Add(x, place) -> y');
  });

  it('become float16 at once where nothing is computed with them', () => {
    const graph = converted(
      around(`
        in mask i64 [B,S,1]
        as = Cast{to=1}(mask)
        y = Mul(x, as)`),
    );
    expect(shown(graph)).toContain('Cast:f16(mask) -> as');
  });
});

describe('numbers that float16 cannot hold', () => {
  const masked = around(`
    in keep bool [B,S,1]
    scores = Where(keep, x, never)
    y = Softmax(scores)`);

  it('become those of a mask where a Softmax alone sees them', () => {
    const graph = converted(masked, scalar('never', -3.4e38));
    expect(halves(graph.initializers.get('never')!)).toEqual([0xf0e2]);
    // Added twice they still are numbers.
    expect(0xf0e2).toBeLessThan(0xfc00);
    const infinite = converted(masked, scalar('never', Number.NEGATIVE_INFINITY));
    expect(halves(infinite.initializers.get('never')!)).toEqual([0xfc00]);
  });

  it('do so before a mask is computed in float32', () => {
    const graph = converted(
      around(`
        in keep f32 [B,S,1]
        mask = Mul(keep, never)
        scores = Add(x, mask)
        y = Softmax(scores)`),
      scalar('never', -3.4e38),
    );
    const { data } = graph.initializers.get('never')!;
    expect([...new Float32Array((data as Uint8Array).slice().buffer)]).toEqual([-1e4]);
    expect(shown(graph)).toContain('Cast:f16(mask) -> mask_f16');
  });

  it('are refused by name elsewhere', () => {
    const scaled = around('y = Mul(x, huge)');
    for (const value of [70000, -1e30, Number.POSITIVE_INFINITY, Number.NaN])
      expect(() => converted(scaled, scalar('huge', value))).toThrow(
        /^The tensor huge holds (70000|-1\.0000000150474662e\+30|Infinity|NaN), which float16/,
      );
  });

  it('limit nothing in Clip', () => {
    const graph = converted(around('y = Clip(x, , most)'), scalar('most', 3.4e38));
    expect(halves(graph.initializers.get('most')!)).toEqual([0x7bff]);
  });

  it('may be computed with in float32', () => {
    const graph = converted(
      around(`
        in positions f32 [B,S,1]
        angles = Mul(positions, base)
        sine = Sin(angles)
        y = Mul(x, sine)`),
      scalar('base', 1e6),
    );
    expect(typeOf(graph, 'base')).toBe('f32');
  });
});

describe('inputs and outputs', () => {
  const concat = `
    in past.0.key f32 [B,P,4]
    out present.0.key f32 [B,T,4]
    present.0.key = Concat{axis=1}(past.0.key, x)
    scores = MatMul(x, present.0.key)
    y = Softmax(scores)`;
  const fused = `
    in past.0.key f32 [B,1,P,4]
    in past.0.value f32 [B,1,P,4]
    in lengths i32 [B]
    in total i32 []
    out present.0.key f32 [B,1,T,4]
    out present.0.value f32 [B,1,T,4]
    y, present.0.key, present.0.value = com.microsoft.GroupQueryAttention{num_heads=1,kv_num_heads=1}(x, x, x, past.0.key, past.0.value, lengths, total)`;

  it('keeps caches that are put together by Concat float32, as converters do', () => {
    const graph = converted(around(concat));
    expect(['past.0.key', 'present.0.key', 'logits'].map((x) => typeOf(graph, x))).toEqual([
      'f32',
      'f32',
      'f32',
    ]);
    expect(shown(graph)).toContain('Cast:f16(past.0.key) -> past.0.key_f16');
    expect(shown(graph)).toContain('MatMul(x, present.0.key_f16) -> scores');
    expect(shown(graph)).toContain('Cast:f32(present.0.key_f16) -> present.0.key');
  });

  it('makes caches that attention itself takes and gives float16', () => {
    const graph = converted(around(fused));
    expect(typeOf(graph, 'past.0.key')).toBe('f16');
    expect(typeOf(graph, 'present.0.value')).toBe('f16');
    expect(typeOf(graph, 'logits')).toBe('f32');
  });

  it('makes all of them float16 for ONNX Runtime GenAI', () => {
    for (const lines of [concat, fused]) {
      const graph = converted(around(lines), undefined, true);
      expect(shown(graph).filter((line) => line.startsWith('Cast'))).toEqual([]);
      expect(['past.0.key', 'present.0.key', 'logits'].map((x) => typeOf(graph, x))).toEqual([
        'f16',
        'f16',
        'f16',
      ]);
    }
  });
});

describe('subgraphs', () => {
  const branch = (op: string, inputs: string[], weight: boolean): Graph => {
    const graph = modelOf(`out chosen f32 [4]\nchosen = ${op}(${inputs.join(', ')})`).graph;
    if (weight)
      graph.initializers.set('inner', {
        name: 'inner',
        type: DataType.float,
        dims: [4],
        data: new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer),
      });
    return graph;
  };
  const withBranches = (then: Graph, otherwise: Graph) => (model: Model) => {
    const node = model.graph.nodes.find(({ op }) => op === 'If') as Node;
    node.attributes.set('then_branch', { name: 'then_branch', kind: 'graph', value: then });
    node.attributes.set('else_branch', { name: 'else_branch', kind: 'graph', value: otherwise });
  };
  const lines = around(`
    in long bool []
    init outer f32 [4]
    chosen_outside = If(long)
    y = Mul(x, chosen_outside)`);

  it('that only choose become float16 with their constants', () => {
    const graph = converted(
      lines,
      withBranches(branch('Identity', ['inner'], true), branch('Identity', ['outer'], false)),
    );
    expect(shown(graph).filter((line) => line.startsWith('Cast:f16'))).toEqual([]);
    const [then] = [...(graph.nodes.find(({ op }) => op === 'If') as Node).attributes.values()];
    const inner = then?.kind === 'graph' ? then.value : null;
    expect(inner?.initializers.get('inner')?.type).toBe(DataType.float16);
    expect(inner?.outputs[0]?.type).toBe(DataType.float16);
    expect(typeOf(graph, 'outer')).toBe('f16');
  });

  it('that compute stay float32, with what they capture', () => {
    const graph = converted(
      lines,
      withBranches(branch('Add', ['inner', 'outer'], true), branch('Identity', ['outer'], false)),
    );
    expect(shown(graph)).toContain('Cast:f16(chosen_outside) -> chosen_outside_f16');
    expect(typeOf(graph, 'outer')).toBe('f32');
  });
});
