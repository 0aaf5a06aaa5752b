// Decodes an AttributeProto to an Attribute and encodes it again.

import { create, fromBinary, isFieldSet, toBinary } from '@bufbuild/protobuf';
import {
  decodeTensor,
  encodeTensor,
  type PlaceTensor,
  type ResolveExternal,
} from './codecTensor.ts';
import type { Attribute, Graph } from './graph.ts';
import { type AttributeProto, AttributeProtoSchema, type GraphProto } from './onnx_pb.js';

/** AttributeProto.AttributeType. */
const Type = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  tensors: 9,
  graphs: 10,
} as const;

/**
 * Attributes of unused kinds, and those with integers beyond 2^53, become `opaque`.
 * @param graph decodes a subgraph.
 */
export function decodeAttribute(
  proto: AttributeProto,
  resolve: ResolveExternal,
  graph: (g: GraphProto) => Graph,
): Attribute {
  const name = proto.name;
  const safe = (n: bigint): boolean => Number.isSafeInteger(Number(n));
  switch (proto.type === 0 ? guessType(proto) : proto.type) {
    case Type.float:
      return { name, kind: 'float', value: proto.f };
    case Type.int:
      if (safe(proto.i)) return { name, kind: 'int', value: Number(proto.i) };
      break;
    case Type.string:
      return { name, kind: 'string', value: proto.s };
    case Type.tensor:
      if (proto.t) return { name, kind: 'tensor', value: decodeTensor(proto.t, resolve) };
      break;
    case Type.graph:
      if (proto.g) return { name, kind: 'graph', value: graph(proto.g) };
      break;
    case Type.floats:
      return { name, kind: 'floats', value: proto.floats };
    case Type.ints:
      if (proto.ints.every(safe)) return { name, kind: 'ints', value: proto.ints.map(Number) };
      break;
    case Type.strings:
      return { name, kind: 'strings', value: proto.strings };
    case Type.tensors:
      return { name, kind: 'tensors', value: proto.tensors.map((t) => decodeTensor(t, resolve)) };
    case Type.graphs:
      return { name, kind: 'graphs', value: proto.graphs.map(graph) };
  }
  return { name, kind: 'opaque', value: toBinary(AttributeProtoSchema, proto) };
}

export function encodeAttribute(
  attribute: Attribute,
  place: PlaceTensor,
  graph: (g: Graph) => GraphProto,
): AttributeProto {
  const { name } = attribute;
  switch (attribute.kind) {
    case 'float':
      return create(AttributeProtoSchema, { name, type: Type.float, f: attribute.value });
    case 'int':
      return create(AttributeProtoSchema, { name, type: Type.int, i: BigInt(attribute.value) });
    case 'string':
      return create(AttributeProtoSchema, { name, type: Type.string, s: attribute.value });
    case 'tensor':
      return create(AttributeProtoSchema, {
        name,
        type: Type.tensor,
        t: encodeTensor(attribute.value, place, 'attribute'),
      });
    case 'graph':
      return create(AttributeProtoSchema, { name, type: Type.graph, g: graph(attribute.value) });
    case 'floats':
      return create(AttributeProtoSchema, {
        name,
        type: Type.floats,
        floats: [...attribute.value],
      });
    case 'ints':
      return create(AttributeProtoSchema, {
        name,
        type: Type.ints,
        ints: attribute.value.map(BigInt),
      });
    case 'strings':
      return create(AttributeProtoSchema, {
        name,
        type: Type.strings,
        strings: [...attribute.value],
      });
    case 'tensors':
      return create(AttributeProtoSchema, {
        name,
        type: Type.tensors,
        tensors: attribute.value.map((t) => encodeTensor(t, place, 'attribute')),
      });
    case 'graphs':
      return create(AttributeProtoSchema, {
        name,
        type: Type.graphs,
        graphs: attribute.value.map(graph),
      });
    case 'opaque':
      return fromBinary(AttributeProtoSchema, attribute.value);
  }
}

/** The type by the field that is set: files before IR version 2 leave the type out. */
function guessType(proto: AttributeProto): number {
  const { field } = AttributeProtoSchema;
  const scalar = (
    [
      ['f', Type.float],
      ['i', Type.int],
      ['s', Type.string],
      ['t', Type.tensor],
      ['g', Type.graph],
    ] as const
  ).find(([f]) => isFieldSet(proto, field[f]));
  if (scalar) return scalar[1];
  const list = (
    [
      ['floats', Type.floats],
      ['ints', Type.ints],
      ['strings', Type.strings],
      ['tensors', Type.tensors],
      ['graphs', Type.graphs],
    ] as const
  ).find(([f]) => proto[f].length > 0);
  return list ? list[1] : 0;
}
