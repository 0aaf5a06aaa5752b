// Edits an ONNX graph reproducibly into something that no exporter writes, for tests.

import { clone, create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import {
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '../../onnx/onnx_pb.js';

const EDITS = [
  'rewire',
  'reread',
  'remake',
  'loop',
  'drop',
  'double',
  'swap',
  'op',
  'domain',
  'attribute',
  'type',
  'nest',
  'branch',
  'dims',
  'element',
  'data',
  'external',
  'rename',
  'interface',
  'shape',
  'unlist',
  'blank',
  'crowd',
  'constant',
] as const;

export type Edit = readonly [edit: (typeof EDITS)[number], a: number, b: number, c: number];

export const edits = (most: number): fc.Arbitrary<Edit[]> =>
  fc.array(fc.tuple(fc.constantFrom(...EDITS), fc.nat(9999), fc.nat(9999), fc.nat(9999)), {
    minLength: 1,
    maxLength: most,
  });

const OPS = [
  'Add',
  'Cast',
  'Concat',
  'Constant',
  'ConstantOfShape',
  'DequantizeLinear',
  'DynamicQuantizeLinear',
  'EmbedLayerNormalization',
  'Expand',
  'Gather',
  'GatherBlockQuantized',
  'Gemm',
  'GroupQueryAttention',
  'Identity',
  'If',
  'IsNaN',
  'Loop',
  'MatMul',
  'MatMulNBits',
  'MultiHeadAttention',
  'Mul',
  'QMoE',
  'Reshape',
  'RotaryEmbedding',
  'Shape',
  'Size',
  'SkipLayerNormalization',
  'SkipSimplifiedLayerNormalization',
  'Slice',
  'Softmax',
  'Split',
  'TensorScatter',
  'TopK',
  'Transpose',
  'Unsqueeze',
  'Where',
  '',
  '__proto__',
];
const NAMES = [
  '',
  'input_ids',
  'inputs_embeds',
  'logits',
  'attention_mask',
  'position_ids',
  'past_key_values.0.key',
  'past_key_values.1.value',
  'past_key_values.99999999999999999999.key',
  'past_key_values.9007199254740993.key',
  'past_key_values.-1.key',
  'present.0.key',
  'present.7.key',
  'present.1e3.key',
  '1',
  '0.0.0',
  '__proto__',
  'constructor',
  'hidden_states_2',
  '<img src=x onerror=alert(1)>',
  '\u0000self',
  'a\nb',
  '٣',
  'x'.repeat(300),
];
const ATTRIBUTES = [
  'to',
  'axis',
  'value',
  'perm',
  'N',
  'K',
  'bits',
  'block_size',
  'num_heads',
  'kv_num_heads',
  'epsilon',
  'start',
  'end',
  'value_ints',
  'keepdims',
  'accuracy_level',
  'transB',
  'then_branch',
  'expert_weight_bits',
  'softcap',
  'dtype',
  '__proto__',
  '',
];
const LOCATIONS = [
  'd.bin',
  '',
  '/etc/passwd',
  '../../x',
  '..',
  '.',
  'a/../../d.bin',
  'C:\\d.bin',
  '\\\\host\\x',
  'd.bin/',
  './/d.bin',
  'model.onnx',
  '\u0000self',
  'd.bin\u0000',
  '%2e%2e/x',
  'file:///etc/passwd',
  'https://example.com/x',
  'onnx',
  'link',
];
const NUMBERS = [
  '0',
  '4',
  '-1',
  '16',
  '4096',
  '9007199254740991',
  '9223372036854775807',
  '99999999999999999999',
  '1e3',
  '0x10',
  ' 8',
  'NaN',
  '',
  '4.5',
];
const DIMS = [
  0n,
  1n,
  2n,
  4n,
  8n,
  -1n,
  16n,
  2n ** 31n,
  2n ** 53n,
  2n ** 62n,
  2n ** 63n - 1n,
  -(2n ** 63n),
];

/** The model file after every edit in turn; edits that find nothing to work on do nothing. */
export function edited(bytes: Uint8Array, recipe: readonly Edit[]): Uint8Array<ArrayBuffer> {
  const model = fromBinary(ModelProtoSchema, bytes);
  for (const edit of recipe) if (model.graph) apply(model.graph, edit);
  return toBinary(ModelProtoSchema, model);
}

const pick = <T>(list: readonly T[], k: number): T | undefined => list[k % list.length];

/** Mostly a value of the graph, sometimes a name that means something or should not. */
function valueName(graph: GraphProto, k: number): string {
  const values = [
    ...graph.node.flatMap((n) => n.output),
    ...graph.initializer.map((t) => t.name),
    ...graph.input.map((v) => v.name),
  ];
  return pick(k % 6 === 0 ? NAMES : values, k) ?? '';
}

/** Calls a value something else wherever it is declared, made and read. */
function renamed(graph: GraphProto, from: string, to: string): void {
  const names = (list: string[]): string[] => list.map((x) => (x === from ? to : x));
  for (const item of [...graph.input, ...graph.output, ...graph.valueInfo, ...graph.initializer])
    if (item.name === from) item.name = to;
  for (const node of graph.node) {
    node.input = names(node.input);
    node.output = names(node.output);
  }
}

function apply(graph: GraphProto, [edit, a, b, c]: Edit): void {
  const node = pick(graph.node, a);
  const tensor = pick(graph.initializer, a);
  const value = pick([...graph.input, ...graph.output, ...graph.valueInfo], a);
  const name = valueName(graph, c);
  switch (edit) {
    case 'interface':
      editInterface(graph, a, b, c);
      return;
    case 'shape':
      if (value) reshape(value, b, c);
      return;
    case 'rename':
      if (value && b % 4) renamed(graph, value.name, pick(NAMES, c) ?? '');
      else if (value) value.name = valueName(graph, c);
      return;
    case 'swap':
      if (node && graph.node.length > 1) {
        graph.node.splice(a % graph.node.length, 1);
        graph.node.splice(b % graph.node.length, 0, node);
      }
      return;
    case 'dims':
      if (tensor)
        tensor.dims = Array.from({ length: b % 6 }, (_, k) => pick(DIMS, c + k * b) ?? 0n);
      return;
    case 'element':
      if (tensor)
        tensor.dataType = [0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 16, 17, 21, 22, 99, -1][b % 16]!;
      return;
    case 'data':
      if (tensor) editData(tensor, b, c);
      return;
    case 'external':
      if (tensor) external(tensor, b, c);
      return;
    case 'unlist':
      if (b % 2) graph.initializer.splice(a % Math.max(1, graph.initializer.length), 1);
      else if (tensor) graph.initializer.push(clone(TensorProtoSchema, tensor));
      return;
    default:
      if (node) editNode(graph, node, edit, name, b, c);
  }
}

function editNode(
  graph: GraphProto,
  node: NodeProto,
  edit: Edit[0],
  name: string,
  b: number,
  c: number,
): void {
  const at = graph.node.indexOf(node);
  switch (edit) {
    case 'rewire':
    case 'reread':
      if (node.input.length > 0) node.input[b % node.input.length] = name;
      else node.input.push(name);
      return;
    case 'remake':
      node.output[b % (node.output.length + 1)] = name;
      return;
    case 'loop':
      node.input[b % (node.input.length + 1)] = node.output[0] ?? '';
      return;
    case 'drop':
      graph.node.splice(at, 1);
      // Mostly what it read takes its place.
      if (b % 4)
        for (const o of node.output)
          for (const other of graph.node)
            other.input = other.input.map((x) => (x === o ? (node.input[0] ?? '') : x));
      return;
    case 'double':
      graph.node.splice(b % graph.node.length, 0, {
        ...clone(NodeProtoSchema, node),
        output: c % 2 ? [...node.output] : [`d${c}`],
      });
      return;
    case 'op':
      node.opType = pick(OPS, b) ?? '';
      return;
    case 'domain':
      node.domain = ['', 'ai.onnx', 'com.microsoft', '__proto__', 'x'][b % 5]!;
      return;
    case 'blank':
      node.input = b % 2 ? [] : node.input.map(() => '');
      if (c % 2) node.output = [];
      return;
    case 'crowd':
      for (let k = 0; k < 200; k++) node.input.push(name);
      return;
    case 'constant':
      node.opType = 'Constant';
      node.input = [];
      node.attribute = [attribute('value', b, c, graph)];
      return;
    case 'attribute':
      node.attribute.push(attribute(pick(ATTRIBUTES, b) ?? '', c, b, graph));
      return;
    case 'type': {
      const given = pick(node.attribute, b);
      if (given) given.type = c % 16;
      return;
    }
    case 'branch':
      node.opType = 'If';
      node.attribute.push(attribute('then_branch', 4, b, graph));
      return;
    case 'nest': {
      let inner = create(GraphProtoSchema, {
        node: copies(graph, 0, b % 4),
        output: graph.output.slice(0, 1),
      });
      for (let k = 0; k < c % 40; k++)
        inner = create(GraphProtoSchema, {
          node: [
            create(NodeProtoSchema, {
              opType: 'If',
              input: [name],
              attribute: [graphAttribute(inner)],
            }),
          ],
        });
      node.attribute.push(graphAttribute(inner));
    }
  }
}

function graphAttribute(g: GraphProto) {
  return create(AttributeProtoSchema, { name: 'then_branch', type: 5, g });
}

/** Copies, lest a graph come to hold itself. */
function copies(graph: GraphProto, from: number, count: number): NodeProto[] {
  return graph.node.slice(from, from + count).map((node) => clone(NodeProtoSchema, node));
}

function attribute(name: string, kind: number, k: number, graph: GraphProto) {
  const t = pick(graph.initializer, k);
  const forms = [
    { type: 2, i: pick(DIMS, k) ?? 0n },
    { type: 1, f: [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e30][k % 5]! },
    { type: 3, s: new Uint8Array(k % 50) },
    t ? { type: 4, t: clone(TensorProtoSchema, t) } : { type: 4 },
    {
      type: 5,
      g: create(GraphProtoSchema, {
        node: copies(graph, k % 9, 3),
        output: graph.output.slice(0, k % 3),
      }),
    },
    { type: 7, ints: DIMS.slice(0, k % 12) },
    { type: 6, floats: [1, Number.NaN] },
    { type: 10, graphs: [create(GraphProtoSchema, {}), create(GraphProtoSchema, {})] },
    { type: 0, i: 1n, f: 2 },
    { type: 4 },
    { type: 5 },
  ] as const;
  return create(AttributeProtoSchema, { name, ...forms[kind % forms.length] } as Parameters<
    typeof create<typeof AttributeProtoSchema>
  >[1]);
}

function editData(tensor: TensorProto, b: number, c: number): void {
  const length = [0, 1, 7, tensor.rawData.length, tensor.rawData.length + 1, 5000][c % 6]!;
  tensor.rawData = b % 3 === 0 ? new Uint8Array(0) : new Uint8Array(length).fill(c);
  if (b % 3 === 0)
    tensor.int64Data = Array.from({ length: c % 20 }, (_, k) => pick(DIMS, k + c) ?? 0n);
  if (b % 5 === 0) tensor.floatData = Array.from({ length: c % 20 }, () => Number.NaN);
  if (b % 7 === 0) tensor.stringData = [new Uint8Array(3)];
}

function external(tensor: TensorProto, b: number, c: number): void {
  tensor.dataLocation = 1;
  if (b % 2) tensor.rawData = new Uint8Array(0);
  const entries = [
    ['location', pick(LOCATIONS, b) ?? ''],
    ['offset', pick(NUMBERS, c) ?? ''],
    ['length', pick(NUMBERS, b + c) ?? ''],
  ].filter((_, k) => (b + c) % 11 !== k);
  tensor.externalData = entries.map(([key, value]) =>
    create(StringStringEntryProtoSchema, { key: key ?? '', value: value ?? '' }),
  );
}

function reshape(value: ValueInfoProto, b: number, c: number): void {
  const dim = Array.from({ length: b % 6 }, (_, k) => ({
    value:
      (k + c) % 3
        ? { case: 'dimValue' as const, value: pick(DIMS, k + c) ?? 0n }
        : { case: 'dimParam' as const, value: pick(NAMES, c + k) ?? '' },
  }));
  const fresh = create(ValueInfoProtoSchema, {
    type: { value: { case: 'tensorType', value: { elemType: c % 24, shape: { dim } } } },
  });
  if (c % 10 === 0) delete value.type;
  else if (fresh.type) value.type = fresh.type;
}

function editInterface(graph: GraphProto, a: number, b: number, c: number): void {
  const list = a % 2 ? graph.input : graph.output;
  const one = pick(list, c);
  if (b % 4 === 0) list.splice(c % Math.max(1, list.length), 1);
  else if (b % 4 === 1 && one) list.push(one);
  else if (b % 4 === 2) list.push(create(ValueInfoProtoSchema, { name: valueName(graph, c) }));
  else list.reverse();
}
