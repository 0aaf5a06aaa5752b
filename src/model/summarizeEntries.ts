// What each block takes in the graph file besides its weights; must not read weights.

import { dependencies } from '../onnx/captures.ts';
import { encodedGraphLength } from '../onnx/codec.ts';
import { type Graph, isRange, type Tensor, type ValueInfo } from '../onnx/graph.ts';
import type { Structure } from './structure.ts';

/** Bytes of the nodes, tensor entries, types and state declarations of every block in the source's graph file. */
export function blockEntryBytes(structure: Structure, graphPath: string): number[] {
  const { model, blocks, region, producer } = structure;
  const parts = blocks.map((): Graph => ({ name: '', nodes: [], initializers: new Map(), inputs: [], outputs: [], valueInfo: new Map() }));
  const readers = new Map<string, Set<number>>();
  const cones = new Map<string, number[]>();
  for (const [p, node] of structure.graph.nodes.entries()) {
    for (const x of dependencies(node)) {
      if (!structure.constants.has(x)) continue;
      if (region[p]! < 0) for (const o of node.outputs) cones.set(x, [...(cones.get(x) ?? []), producer.get(o) ?? p]);
      else readers.set(x, (readers.get(x) ?? new Set()).add(region[p]!));
    }
  }
  const regionOf = (value: string): number => {
    const own = region[producer.get(value) ?? -1];
    if (own !== undefined && own >= 0) return own;
    const found = readers.get(value);
    if (found?.size === 1) for (const r of found) return r;
    if (found || cones.get(value)?.length !== 1) return 0;
    const next = structure.graph.nodes[cones.get(value)![0]!]?.outputs.find((o) => o);
    return next ? regionOf(next) : 0;
  };
  const partOf = (value: string): Graph | undefined => parts[regionOf(value) - 1];
  for (const node of model.graph.nodes) partOf(node.outputs.find((o) => o) ?? '')?.nodes.push(node);
  for (const [name, tensor] of model.graph.initializers) partOf(name)?.initializers.set(name, tensor);
  for (const [name, info] of model.graph.valueInfo) partOf(name)?.valueInfo.set(name, info);
  const infos = new Map<string, ValueInfo>([...model.graph.inputs, ...model.graph.outputs].map((v) => [v.name, v]));
  for (const [b, part] of parts.entries()) {
    for (const state of blocks[b]!.states) {
      for (const name of [state.input, state.output]) {
        const info = infos.get(name);
        if (info) part.inputs.push(info);
      }
    }
  }
  const bare = (tensor: Tensor): Tensor => (isRange(tensor.data) ? tensor : { ...tensor, data: new Uint8Array(0) });
  return parts.map((part) =>
    encodedGraphLength({ ...part, initializers: new Map([...part.initializers].map(([k, t]) => [k, bare(t)])) }, (_, range) =>
      range.file === graphPath
        ? new Uint8Array(0)
        : { location: range.file.slice(range.file.lastIndexOf('/') + 1), offset: range.offset, length: range.length },
    ),
  );
}
