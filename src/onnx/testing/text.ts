// Small graphs written as text, and folders in memory, for tests.

import type { Attribute, Graph, Model, Node, ValueInfo } from '../graph.ts';
import { DataType, elementBits, elementCount } from '../graph.ts';
import type { Folder } from '../source.ts';

const TYPES: Readonly<Record<string, number>> = {
  f32: DataType.float,
  f16: DataType.float16,
  i64: DataType.int64,
  i32: DataType.int32,
  bool: DataType.bool,
  u8: DataType.uint8,
};

/**
 * A graph from lines such as
 *   in x f32 [B,S,4]        out y f32 [B,S,4]        init w f32 [4,4]        y, z =
 *   Split{axis=-1}(x, , w)        h = com.microsoft.FastGelu(x) Weights get small repeating values.
 */
export function graphOf(text: string): Graph {
  const graph: Graph = {
    name: 'test',
    nodes: [],
    initializers: new Map(),
    inputs: [],
    outputs: [],
    valueInfo: new Map(),
  };
  for (const line of text.split('\n').map((l) => l.trim())) {
    if (!line || line.startsWith('#')) continue;
    const value = /^(in|out|init|info) (\S+) (\w+) ?(?:\[(.*)\])?$/.exec(line);
    if (value) addValue(graph, value[1]!, infoOf(value[2]!, value[3]!, value[4]));
    else graph.nodes.push(nodeOf(line, graph.nodes.length));
  }
  return graph;
}

/** A model around a graph, opset 22 and com.microsoft 1. */
export function modelOf(graph: Graph | string): Model {
  return {
    irVersion: 10,
    producerName: 'test',
    producerVersion: '1',
    opsets: new Map([
      ['', 22],
      ['com.microsoft', 1],
    ]),
    metadata: new Map(),
    graph: typeof graph === 'string' ? graphOf(graph) : graph,
    functions: [],
  };
}

/** A folder of files in memory; `read` counts the bytes that were asked for. */
export function memoryFolder(
  files: Readonly<Record<string, Uint8Array | string>>,
): Folder & { read: { bytes: number } } {
  const read = { bytes: 0 };
  const bytesOf = (path: string): Uint8Array | null => {
    const data = files[path];
    if (data === undefined) return null;
    return typeof data === 'string' ? new TextEncoder().encode(data) : data;
  };
  return {
    name: 'memory',
    read,
    files: Object.keys(files).map((path) => ({ path, size: bytesOf(path)!.length })),
    open(path) {
      const data = bytesOf(path);
      if (!data) return null;
      return {
        size: data.length,
        async read(offset, length) {
          read.bytes += length;
          return data.slice(offset, offset + length) as Uint8Array<ArrayBuffer>;
        },
      };
    },
  };
}

/** The graph as plain data, for equality. */
export function plain(graph: Graph): unknown {
  return JSON.parse(JSON.stringify(graph, (_, v: unknown) => (v instanceof Map ? [...v] : v)));
}

function addValue(graph: Graph, kind: string, info: ValueInfo): void {
  if (kind === 'in') graph.inputs.push(info);
  else if (kind === 'out') graph.outputs.push(info);
  else if (kind === 'info') graph.valueInfo.set(info.name, info);
  else {
    const dims = (info.dims ?? []).map(Number);
    const bytes = Math.ceil((elementCount(dims) * (elementBits(info.type) ?? 8)) / 8);
    const data = new Uint8Array(bytes);
    if (info.type === DataType.float)
      new Float32Array(data.buffer).set(
        Array.from({ length: bytes / 4 }, (_, i) => ((i * 7) % 11) / 11 - 0.4),
      );
    graph.initializers.set(info.name, { name: info.name, type: info.type, dims, data });
  }
}

function infoOf(name: string, type: string, dims: string | undefined): ValueInfo {
  const dimOf = (text: string): number | string | null => {
    if (text === '?') return null;
    return /^\d+$/.test(text) ? Number(text) : text;
  };
  const known = TYPES[type];
  if (known === undefined) throw new Error(`unknown type ${type}`);
  const listed = dims === '' ? [] : dims?.split(',').map((d) => dimOf(d.trim()));
  return { name, type: known, dims: listed ?? null };
}

function nodeOf(line: string, k: number): Node {
  const m = /^(.+?) = ([\w.]+?)(?:\{(.*)\})?\((.*)\)$/.exec(line);
  if (!m) throw new Error(`cannot read: ${line}`);
  const list = (s: string): string[] => (s === '' ? [] : s.split(',').map((x) => x.trim()));
  const path = m[2]!.split('.');
  const op = path.pop()!;
  const attributes = new Map<string, Attribute>();
  for (const part of list(m[3] ?? '')) {
    const [name = '', value = ''] = part.split('=');
    attributes.set(name, {
      name,
      kind: value.includes('.') ? 'float' : 'int',
      value: Number(value),
    });
  }
  const node = {
    op,
    domain: path.join('.'),
    inputs: list(m[4]!),
    outputs: list(m[1]!),
    attributes,
  };
  return { name: `${op}_${k}`, ...node };
}
