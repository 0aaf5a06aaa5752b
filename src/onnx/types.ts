// Infers the element types of all values of a graph from declared types and operators; no shapes.

import { subgraphs } from './captures.ts';
import { DataType, type Graph, intAttribute, type Node } from './graph.ts';

const { int64, int32, bool, float, uint8 } = DataType;

/** Output type of operators for which it does not depend on the inputs. */
const FIXED: ReadonlyMap<string, DataType> = new Map(
  Object.entries({
    Shape: int64,
    Size: int64,
    NonZero: int64,
    ArgMax: int64,
    ArgMin: int64,
    IsNaN: bool,
    IsInf: bool,
    Equal: bool,
    Less: bool,
    LessOrEqual: bool,
    Greater: bool,
    GreaterOrEqual: bool,
    And: bool,
    Or: bool,
    Xor: bool,
    Not: bool,
    MatMulInteger: int32,
    ConvInteger: int32,
  }),
);

/** Operators whose outputs have the type of an input other than the first, by its position. */
const LIKE_INPUT: ReadonlyMap<string, number> = new Map(
  Object.entries({
    Where: 1,
    CastLike: 1,
    DequantizeLinear: 1,
    GatherBlockQuantized: 2,
    OneHot: 2,
  }),
);

type TypeOf = (value: string) => DataType | undefined;

/**
 * Element types by value name. The nodes must be sorted. Declared types take precedence; a value
 * whose type cannot be inferred is absent.
 */
export function elementTypes(graph: Graph): Map<string, DataType> {
  return typesWithin(graph, () => undefined);
}

/** @param outer types of values in outer scopes. */
function typesWithin(graph: Graph, outer: TypeOf): Map<string, DataType> {
  const types = new Map<string, DataType>();
  const typeOf: TypeOf = (value) => types.get(value) ?? outer(value);
  for (const t of graph.initializers.values()) types.set(t.name, t.type);
  for (const v of [...graph.inputs, ...graph.outputs, ...graph.valueInfo.values()]) {
    if (v.type !== 0 && !graph.initializers.has(v.name)) types.set(v.name, v.type);
  }
  const declared = new Set(types.keys());
  for (const node of graph.nodes) {
    const inferred = outputTypes(node, typeOf);
    for (const [k, name] of node.outputs.entries()) {
      const type = inferred[k] ?? (inferred.length === 1 ? inferred[0] : undefined);
      if (name && type && !declared.has(name)) types.set(name, type);
    }
  }
  return types;
}

/** Types of a node's outputs; a single entry applies to all of them. */
function outputTypes(node: Node, typeOf: TypeOf): (DataType | undefined)[] {
  const input = (k: number): DataType | undefined => typeOf(node.inputs[k] ?? '');
  const fixed = FIXED.get(node.op);
  if (fixed) return [fixed];
  const like = LIKE_INPUT.get(node.op);
  if (like !== undefined) return [input(like)];
  switch (node.op) {
    case 'Cast':
      return [intAttribute(node, 'to')];
    case 'Constant':
      return [constantType(node)];
    case 'ConstantOfShape': {
      const value = node.attributes.get('value');
      return [value?.kind === 'tensor' ? value.value.type : float];
    }
    case 'DynamicQuantizeLinear':
      return [uint8, float, uint8];
    case 'QuantizeLinear':
      return [input(2) ?? intAttribute(node, 'output_dtype') ?? uint8];
    case 'TopK':
      return [input(0), int64];
    case 'Unique':
      return [input(0), int64, int64, int64];
    case 'Dropout':
      return [input(0), bool];
    case 'EyeLike':
    case 'RandomNormalLike':
    case 'RandomUniformLike':
      return [intAttribute(node, 'dtype') ?? input(0)];
    case 'If': {
      const branch = subgraphs(node)[0];
      if (!branch) return [undefined];
      const inner = typesWithin(branch, typeOf);
      return branch.outputs.map((o) =>
        o.type !== 0 ? o.type : (inner.get(o.name) ?? typeOf(o.name)),
      );
    }
    default:
      return [input(0)];
  }
}

function constantType(node: Node): DataType {
  const value = node.attributes.get('value');
  if (value?.kind === 'tensor') return value.value.type;
  if (node.attributes.has('value_int') || node.attributes.has('value_ints')) return int64;
  if (node.attributes.has('value_string') || node.attributes.has('value_strings'))
    return DataType.string;
  return float;
}
