// Where each weight of a graph goes in the external data files of an export, as ranges of the
// source or bytes derived from them. No weights are read.

import { keyOf, rangesOf } from '../../onnx/bytes.ts';
import type { Graph, Tensor } from '../../onnx/graph.ts';
import type { Bytes } from '../../onnx/source.ts';

/** Largest data file. Runtimes in browsers hold a part in one ArrayBuffer, which ends at 2 GiB. */
const PART_BYTES = 2_000_000_000;

/**
 * Large tensors start on 64 KiB so that they can be memory-mapped on every platform; the rest on a
 * cache line.
 */
const LARGE_BYTES = 2 ** 20;
const LARGE_ALIGN = 64 * 1024;
const SMALL_ALIGN = 64;

/** One external data file: tensors and zero padding by turns. */
interface DataPart {
  /** File name beside the graph. */
  name: string;
  size: number;
  parts: Bytes[];
}

export interface DataLayout {
  files: DataPart[];
  /** Where bytes are written. Equal ranges and equal computations are written once. */
  place(data: Bytes): { location: string; offset: number; length: number };
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
 * @param nextName the name of the next data file.
 * @param partBytes most bytes of one data file; a single larger tensor still gets a file of its
 *   own.
 */
export function layOut(graph: Graph, nextName: () => string, partBytes = PART_BYTES): DataLayout {
  const distinct = new Map<string, Bytes>();
  for (const { data } of graph.initializers.values())
    if (!(data instanceof Uint8Array)) distinct.set(keyOf(data), data);
  const sorted = inSourceOrder([...distinct.entries()]);
  const places = new Map<string, { location: string; offset: number; length: number }>();
  const files: DataPart[] = [];
  let current: DataPart | null = null;
  for (const [key, data] of sorted) {
    let offset = current ? aligned(current.size, data.length) : 0;
    if (!current || offset + data.length > partBytes) {
      current = { name: nextName(), size: 0, parts: [] };
      files.push(current);
      offset = 0;
    }
    if (offset > current.size) current.parts.push(new Uint8Array(offset - current.size));
    current.parts.push(data);
    current.size = offset + data.length;
    places.set(key, { location: current.name, offset, length: data.length });
  }
  return {
    files,
    place(data) {
      const found = places.get(keyOf(data));
      if (!found) throw new Error(`the bytes ${keyOf(data)} were not laid out`);
      return found;
    },
  };
}

/**
 * In the order in which the source has what they come from, so that it is read from front to back;
 * stretches of one result in their order, and what comes from no file at the end.
 */
function inSourceOrder<T extends readonly [string, Bytes]>(entries: readonly T[]): T[] {
  const placed = entries.map((entry) => {
    const [home] = rangesOf(entry[1]);
    return { entry, file: home?.file ?? '\uffff', offset: home?.offset ?? 0 };
  });
  placed.sort((a, b) => {
    if (a.file !== b.file) return a.file < b.file ? -1 : 1;
    return a.offset - b.offset || startOf(a.entry[1]) - startOf(b.entry[1]);
  });
  return placed.map(({ entry }) => entry);
}

const startOf = (data: Bytes): number => (data instanceof Uint8Array ? 0 : data.offset);

function aligned(offset: number, length: number): number {
  const unit = length >= LARGE_BYTES ? LARGE_ALIGN : SMALL_ALIGN;
  return Math.ceil(offset / unit) * unit;
}

/**
 * Tensors of a graph that are not in memory and no initializers: Constant nodes and constants of
 * subgraphs. A data file holds initializers only.
 */
export function innerRanges(graph: Graph): Tensor[] {
  const found: Tensor[] = [];
  const visit = (tensor: Tensor): void => {
    if (!(tensor.data instanceof Uint8Array)) found.push(tensor);
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
