// Lays the weights of a graph out in external data files as ranges of the source; must not read a
// weight byte.

import type { Graph, Tensor } from '../../onnx/graph.ts';
import { isRange } from '../../onnx/graph.ts';
import type { ByteRange } from '../../onnx/source.ts';

/** Largest data file. Runtimes in browsers hold a part in one ArrayBuffer, which ends at 2 GiB. */
const PART_BYTES = 2_000_000_000;

/**
 * Large tensors start on 64 KiB so that they can be memory-mapped on every platform; the rest on a
 * cache line.
 */
const LARGE_BYTES = 2 ** 20;
const LARGE_ALIGN = 64 * 1024;
const SMALL_ALIGN = 64;

/** One external data file: alternating ranges of the source and zero padding. */
interface DataPart {
  /** File name beside the graph. */
  name: string;
  size: number;
  parts: (Uint8Array | ByteRange)[];
}

export interface DataLayout {
  files: DataPart[];
  /** Where the bytes of a range are written. Equal ranges are written once. */
  place(range: ByteRange): { location: string; offset: number; length: number };
}

/**
 * Names of the data files beside a graph: model.onnx_data, model.onnx_data_1; model.onnx.data for
 * onnxruntime-genai.
 */
export function dataFileName(graphName: string, genai: boolean): (k: number) => string {
  const stem = `${graphName}${genai ? '.' : '_'}data`;
  return (k) => (k === 0 ? stem : `${stem}_${k}`);
}

/**
 * @param nameOf file name of the k-th data file.
 * @param partBytes most bytes of one data file; a single larger tensor still gets a file of its
 *   own.
 */
export function layOut(
  graph: Graph,
  nameOf: (k: number) => string,
  partBytes = PART_BYTES,
): DataLayout {
  const ranges = new Map<string, ByteRange>();
  for (const { data } of graph.initializers.values())
    if (isRange(data)) ranges.set(keyOf(data), data);
  // In the order of the source, so that it is read from front to back.
  const sorted = [...ranges.values()].sort((a, b) =>
    a.file === b.file ? a.offset - b.offset : a.file < b.file ? -1 : 1,
  );
  const places = new Map<string, { location: string; offset: number; length: number }>();
  const files: DataPart[] = [];
  let current: DataPart | null = null;
  for (const range of sorted) {
    let offset = current ? aligned(current.size, range.length) : 0;
    if (!current || offset + range.length > partBytes) {
      current = { name: nameOf(files.length), size: 0, parts: [] };
      files.push(current);
      offset = 0;
    }
    if (offset > current.size) current.parts.push(new Uint8Array(offset - current.size));
    current.parts.push(range);
    current.size = offset + range.length;
    places.set(keyOf(range), { location: current.name, offset, length: range.length });
  }
  return {
    files,
    place(range) {
      const found = places.get(keyOf(range));
      if (!found)
        throw new Error(
          `bytes ${range.offset} + ${range.length} of ${range.file} were not laid out`,
        );
      return found;
    },
  };
}

/** Equal ranges have equal keys. */
export function keyOf(range: ByteRange): string {
  return `${range.offset}+${range.length} ${range.file}`;
}

function aligned(offset: number, length: number): number {
  const unit = length >= LARGE_BYTES ? LARGE_ALIGN : SMALL_ALIGN;
  return Math.ceil(offset / unit) * unit;
}

/**
 * Tensors of a graph that are ranges outside its initializers: Constant nodes and constants of
 * subgraphs.
 */
export function innerRanges(graph: Graph): Tensor[] {
  const found: Tensor[] = [];
  const visit = (tensor: Tensor): void => {
    if (isRange(tensor.data)) found.push(tensor);
  };
  const walk = (inner: Graph): void => {
    for (const node of inner.nodes) {
      for (const attribute of node.attributes.values()) {
        if (attribute.kind === 'tensor') visit(attribute.value);
        else if (attribute.kind === 'tensors') attribute.value.forEach(visit);
        else if (attribute.kind === 'graph') sub(attribute.value);
        else if (attribute.kind === 'graphs') attribute.value.forEach(sub);
      }
    }
  };
  const sub = (inner: Graph): void => {
    inner.initializers.forEach(visit);
    walk(inner);
  };
  walk(graph);
  return found;
}
