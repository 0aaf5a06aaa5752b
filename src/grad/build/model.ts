// A model out of what a builder has made: dead nodes dropped, inputs and outputs declared.

import type { Model, Tensor, ValueInfo } from '../../onnx/graph.ts';
import { trimGraph } from '../../onnx/trim.ts';
import type { Builder } from './builder.ts';

export interface ModelParts {
  name: string;
  /** Values that are fed; those that nothing reads are left out. */
  inputs: readonly string[];
  /** Values to give out, each once. */
  outputs: readonly string[];
  /** Constants besides those of the builder. */
  initializers: ReadonlyMap<string, Tensor>;
  /** Its IR version, operator sets and local functions are taken over. */
  source: Pick<Model, 'irVersion' | 'opsets' | 'functions'>;
}

/** The model, with all dims declared. @throws EspalierError `bug` for an unknown value */
export function modelOf(b: Builder, parts: ModelParts): Model {
  const { name, outputs, source } = parts;
  const info = (value: string): ValueInfo => ({ name: value, ...b.value(value) });
  const opsets = new Map(source.opsets);
  opsets.set('', b.opset);
  opsets.delete('ai.onnx');
  const graph = trimGraph({
    name,
    nodes: b.nodes,
    initializers: new Map([...parts.initializers, ...b.initializers]),
    inputs: [],
    outputs: outputs.map(info),
    valueInfo: new Map(),
  });
  const read = new Set(graph.nodes.flatMap((node) => node.inputs));
  const { functions } = source;
  graph.inputs = parts.inputs.filter((value) => read.has(value)).map(info);
  if (graph.nodes.some(({ domain }) => domain === 'com.microsoft') && !opsets.has('com.microsoft'))
    opsets.set('com.microsoft', 1);
  return {
    irVersion: Math.max(source.irVersion, minimumIr(b.opset)),
    producerName: 'espalier',
    producerVersion: '',
    opsets,
    metadata: new Map(),
    graph,
    functions,
  };
}

/** Operator set to the IR version it came with. @source onnx/docs/Versioning.md */
const IR_VERSIONS: readonly (readonly [opset: number, ir: number])[] = [
  [21, 10],
  [19, 9],
  [15, 8],
];

function minimumIr(opset: number): number {
  return IR_VERSIONS.find(([since]) => opset >= since)?.[1] ?? 7;
}
