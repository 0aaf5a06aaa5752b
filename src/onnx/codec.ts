// Decodes ONNX protobuf bytes to a Model and encodes a Model again; reads no files.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { EspalierError } from '../errors.ts';
import { decodeAttribute, encodeAttribute } from './codecAttribute.ts';
import { requireWithinLimits } from './codecLimits.ts';
import {
  decodeTensor,
  encodeTensor,
  exact,
  type PlaceTensor,
  type ResolveExternal,
} from './codecTensor.ts';
import type { Dim, Graph, Model, Node, ValueInfo } from './graph.ts';
import {
  type FunctionProto,
  FunctionProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  type TypeProto,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './onnx_pb.js';

export type { Placement, PlaceTensor, ResolveExternal } from './codecTensor.ts';

/**
 * Decodes the skeleton of a model file (skim.ts), or a whole file that is small. Documentation
 * strings, node metadata and quantization annotations are dropped.
 * @param resolve finds the byte range of external data.
 * @param name path of the file, for error messages.
 * @throws EspalierError `corrupt-file`; `unsupported-graph` for sparse tensors; `too-large` beyond
 *   a bound of limits.ts.
 */
export function decodeModel(
  bytes: Uint8Array,
  resolve: ResolveExternal,
  name = 'the model',
): Model {
  requireWithinLimits(bytes, name);
  let proto: ModelProto;
  try {
    proto = fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    throw damaged(name, cause);
  }
  if (!proto.graph)
    throw new EspalierError(
      'corrupt-file',
      `${name} is not an ONNX file: it holds no graph.`,
      'Choose an ONNX decoder model.',
    );
  try {
    return {
      irVersion: exact(proto.irVersion, 'The IR version'),
      producerName: proto.producerName,
      producerVersion: proto.producerVersion,
      opsets: new Map(
        proto.opsetImport.map((o) => [
          o.domain === 'ai.onnx' ? '' : o.domain,
          exact(o.version, 'An opset version'),
        ]),
      ),
      metadata: new Map(proto.metadataProps.map((p) => [p.key, p.value])),
      graph: decodeGraph(proto.graph, resolve),
      functions: proto.functions.map(functionBytes),
    };
  } catch (cause) {
    throw cause instanceof EspalierError ? cause : damaged(name, cause);
  }
}

/** A function as it is in the file. @throws EspalierError for one whose constants are elsewhere */
function functionBytes(f: FunctionProto): Uint8Array {
  const isOutside = f.node.some(({ attribute }) =>
    attribute.some(({ t, tensors }) =>
      [...(t ? [t] : []), ...tensors].some(({ dataLocation }) => dataLocation === 1),
    ),
  );
  if (isOutside)
    throw new EspalierError(
      'unsupported-graph',
      `The local function ${f.name} keeps constants outside the graph file.`,
      'Export the model with its functions inlined (onnx.inliner), or with all weights inside.',
    );
  return toBinary(FunctionProtoSchema, f);
}

/**
 * A Model as a serialized ModelProto.
 * @param place where tensors go that are byte ranges or derived; others are written inline.
 */
export function encodeModel(model: Model, place: PlaceTensor): Uint8Array<ArrayBuffer> {
  const proto = create(ModelProtoSchema, {
    irVersion: BigInt(model.irVersion),
    producerName: model.producerName,
    producerVersion: model.producerVersion,
    opsetImport: [...model.opsets].map(([domain, version]) =>
      create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) }),
    ),
    metadataProps: [...model.metadata].map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value }),
    ),
    graph: encodeGraph(model.graph, place),
    functions: model.functions.map((f) => fromBinary(FunctionProtoSchema, f)),
  });
  return toBinary(ModelProtoSchema, proto);
}

/** Bytes that a graph, or some nodes of one, takes in a file, without the enclosing field. */
export function encodedGraphLength(graph: Graph, place: PlaceTensor): number {
  return toBinary(GraphProtoSchema, encodeGraph(graph, place)).length;
}

function decodeGraph(proto: GraphProto, resolve: ResolveExternal): Graph {
  if (proto.sparseInitializer.length > 0) {
    throw new EspalierError(
      'unsupported-graph',
      'The graph has sparse weights ' +
        `(${proto.sparseInitializer[0]?.values?.name ?? 'unnamed'}), which Espalier does not ` +
        'support.',
      'Export the model with dense weights.',
    );
  }
  const initializers: Graph['initializers'] = new Map();
  for (const t of proto.initializer) {
    const tensor = decodeTensor(t, resolve);
    const same = initializers.get(t.name);
    // Of two that are alike in all but their values ONNX Runtime takes the last.
    if (same && (same.type !== tensor.type || same.dims.join() !== tensor.dims.join()))
      throw new EspalierError(
        'corrupt-file',
        `Two weights of different shapes or types are called ${t.name}.`,
        'Export the model again.',
      );
    initializers.set(t.name, tensor);
  }
  return {
    name: proto.name,
    nodes: proto.node.map((n) => decodeNode(n, resolve)),
    initializers,
    inputs: proto.input.map(decodeValue),
    outputs: proto.output.map(decodeValue),
    valueInfo: new Map(proto.valueInfo.map((v) => [v.name, decodeValue(v)])),
  };
}

function encodeGraph(graph: Graph, place: PlaceTensor): GraphProto {
  return create(GraphProtoSchema, {
    name: graph.name,
    node: graph.nodes.map((n) => encodeNode(n, place)),
    initializer: [...graph.initializers.values()].map((t) => encodeTensor(t, place, 'initializer')),
    input: graph.inputs.map(encodeValue),
    output: graph.outputs.map(encodeValue),
    valueInfo: [...graph.valueInfo.values()].map(encodeValue),
  });
}

function decodeNode(proto: NodeProto, resolve: ResolveExternal): Node {
  return {
    name: proto.name,
    op: proto.opType,
    domain: proto.domain === 'ai.onnx' ? '' : proto.domain,
    inputs: proto.input,
    outputs: proto.output,
    attributes: new Map(
      proto.attribute.map((a) => [
        a.name,
        decodeAttribute(a, resolve, (g) => decodeGraph(g, resolve)),
      ]),
    ),
    ...(proto.overload ? { overload: proto.overload } : {}),
  };
}

function encodeNode(node: Node, place: PlaceTensor): NodeProto {
  const proto = create(NodeProtoSchema, {
    input: [...node.inputs],
    output: [...node.outputs],
    opType: node.op,
    attribute: [...node.attributes.values()].map((a) =>
      encodeAttribute(a, place, (g) => encodeGraph(g, place)),
    ),
  });
  if (node.name) proto.name = node.name;
  if (node.domain) proto.domain = node.domain;
  if (node.overload) proto.overload = node.overload;
  return proto;
}

function decodeValue(proto: ValueInfoProto): ValueInfo {
  const name = proto.name;
  const type = proto.type;
  if (!type?.value.case) return { name, type: 0, dims: null };
  if (type.value.case !== 'tensorType')
    return { name, type: 0, dims: null, opaqueType: toBinary(TypeProtoSchema, type) };
  const { elemType, shape } = type.value.value;
  const dims = shape
    ? shape.dim.map((d): Dim => {
        if (d.value.case === 'dimValue') return exact(d.value.value, `A dimension of ${name}`);
        return d.value.case === 'dimParam' && d.value.value !== '' ? d.value.value : null;
      })
    : null;
  return { name, type: elemType, dims };
}

function encodeValue(value: ValueInfo): ValueInfoProto {
  const proto = create(ValueInfoProtoSchema, { name: value.name });
  const type = encodeType(value);
  if (type) proto.type = type;
  return proto;
}

function encodeType(value: ValueInfo): TypeProto | null {
  if (value.opaqueType) return fromBinary(TypeProtoSchema, value.opaqueType);
  if (value.type === 0) return null;
  const dimOf = (dim: Dim) => {
    if (dim === null) return { case: undefined };
    return typeof dim === 'number'
      ? { case: 'dimValue' as const, value: BigInt(dim) }
      : { case: 'dimParam' as const, value: dim };
  };
  const shape = value.dims && { dim: value.dims.map((dim) => ({ value: dimOf(dim) })) };
  return create(TypeProtoSchema, {
    value: { case: 'tensorType', value: { elemType: value.type, ...(shape ? { shape } : {}) } },
  });
}

function damaged(name: string, cause: unknown): EspalierError {
  return new EspalierError(
    'corrupt-file',
    `${name} is damaged or not an ONNX file: its graph cannot be decoded.`,
    'Download or export the file again.',
    String(cause),
  );
}
