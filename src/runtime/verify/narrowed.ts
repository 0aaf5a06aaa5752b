// The whole graph of the source with what a width plan takes out multiplied by zero in front of o
// and down: another way to the numbers of a narrower export, which takes nothing out of a graph.

import type { OpenedModel } from '../../model/open/open.ts';
import { makeNode } from '../../model/programs/rewrites.ts';
import { tracedBlocks } from '../../model/width/find.ts';
import type { WidthPlan } from '../../model/width/types.ts';
import { DataType, type Graph, type Tensor } from '../../onnx/graph.ts';
import { narrowed } from '../../onnx/half.ts';
import { sortedNodes } from '../../onnx/sort.ts';
import { elementTypes } from '../../onnx/types.ts';

/** Null for a merged decoder, and where a block is of other products than its graph. */
export function narrowedSource(source: OpenedModel, plan: WidthPlan): OpenedModel | null {
  const { structure, whole } = source;
  if (whole.merged) return null;
  const { graph } = whole.model;
  const types = elementTypes(graph);
  const initializers = new Map(graph.initializers);
  const nodes = new Map(graph.nodes.map((node) => [node.outputs.join('\n'), node]));
  for (const [block, cut] of plan.blocks.entries()) {
    const { attention, feedForward } = tracedBlocks(structure)[block] ?? {};
    const gates = [
      {
        reader: attention?.reader,
        columns: attention?.width.matrices.find(({ part }) => part === 'o')?.owners,
        gone: cut.groups,
        bias: cut.attentionBias,
      },
      {
        reader: feedForward?.reader,
        columns: feedForward?.width.matrices.find(({ part }) => part === 'down')?.owners,
        gone: cut.channels,
        bias: cut.feedForwardBias,
      },
    ];
    for (const { reader, columns, gone, bias } of gates) {
      if (gone.length === 0 && !bias) continue;
      const value = reader?.outputs[0] ?? '';
      const product = nodes.get(value);
      if (!product || !columns) return null;
      const removed = new Set(gone);
      const gate = Float32Array.from(columns, (owner) => (removed.has(owner) ? 0 : 1));
      const [x = '', ...more] = product.inputs;
      const result = bias ? `${value}/alone` : value;
      const add = (op: string, one: string, numbers: Float32Array, output: string): boolean => {
        const name = `${output}/by`;
        const tensor = vector(name, numbers, types.get(one) ?? types.get(value) ?? 0);
        if (!tensor) return false;
        initializers.set(name, tensor);
        nodes.set(output, makeNode(op, [one, name], [output]));
        return true;
      };
      if (!add('Mul', x, gate, `${value}/gated`)) return null;
      nodes.set(result, { ...product, inputs: [`${value}/gated`, ...more], outputs: [result] });
      if (bias && !add('Add', result, bias, value)) return null;
    }
  }
  const edited: Graph = { ...graph, initializers, nodes: [...nodes.values()] };
  const model = { ...whole.model, graph: { ...edited, nodes: sortedNodes(edited) } };
  return { ...source, whole: { ...whole, model, path: null } };
}

function vector(name: string, values: Float32Array, type: number): Tensor | null {
  const bytes = new Uint8Array(values.slice().buffer);
  const dims = [values.length];
  if (type === DataType.float) return { name, type, dims, data: bytes };
  if (type !== DataType.float16) return null;
  return { name, type, dims, data: narrowed(bytes, () => Number.POSITIVE_INFINITY) };
}
