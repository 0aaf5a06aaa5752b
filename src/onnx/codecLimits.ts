// Checks the serialized bytes of a model against the bounds of limits.ts, before anything is
// decoded.

import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { EspalierError } from '../errors.ts';
import {
  beyondLimit,
  MAX_DEPTH,
  MAX_INTEGERS,
  MAX_MESSAGES,
  MAX_NAME_BYTES,
  MAX_NODES,
  MAX_OPERANDS,
  MAX_RANK,
  MAX_SUBGRAPHS,
  MAX_TENSORS,
} from './limits.ts';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
  TensorShapeProtoSchema,
} from './onnx_pb.js';

/** How a field counts towards the bounds. */
type Kind = 'name' | 'bytes' | 'integers' | 'skipped';

interface Rule {
  kind: Kind;
  /** The rules of the message in the field, or null for other fields. */
  inner: Table | null;
  /** Most values of this field in one message, and what to call them. */
  most: number;
  label: string;
}

interface Table {
  type: DescMessage;
  rules: Map<number, Rule>;
}

const INTEGER_SCALARS: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT64,
  ScalarType.INT32,
  ScalarType.UINT64,
  ScalarType.UINT32,
  ScalarType.BOOL,
]);

const tables = new Map<string, Table>();

function tableOf(type: DescMessage): Table {
  const known = tables.get(type.typeName);
  if (known) return known;
  const table: Table = { type, rules: new Map() };
  tables.set(type.typeName, table);
  for (const field of type.fields) table.rules.set(field.number, ruleOf(type, field));
  return table;
}

function ruleOf(type: DescMessage, field: DescField): Rule {
  const rule: Rule = { kind: 'skipped', inner: null, most: Number.POSITIVE_INFINITY, label: '' };
  if (field.message) return { ...rule, inner: tableOf(field.message), ...bound(type, field.name) };
  if (field.scalar === ScalarType.STRING) {
    // Metadata, external data and documentation may be long texts.
    const free = type === StringStringEntryProtoSchema || field.name === 'doc_string';
    return { ...rule, kind: free ? 'skipped' : 'name', ...bound(type, field.name) };
  }
  if (field.scalar === ScalarType.BYTES) return { ...rule, kind: 'bytes' };
  if (field.scalar !== undefined && INTEGER_SCALARS.has(field.scalar))
    return { ...rule, kind: 'integers', ...bound(type, field.name) };
  return rule;
}

function bound(type: DescMessage, field: string): { most: number; label: string } {
  if (type === NodeProtoSchema && (field === 'input' || field === 'output'))
    return { most: MAX_OPERANDS, label: `${field}s` };
  if (
    (type === TensorProtoSchema && field === 'dims') ||
    (type === TensorShapeProtoSchema && field === 'dim')
  )
    return { most: MAX_RANK, label: 'dimensions' };
  return { most: Number.POSITIVE_INFINITY, label: '' };
}

/**
 * Walks a serialized ModelProto once, without copying.
 * @param file path of the file, for error messages.
 * @throws EspalierError `too-large`, naming the bound; `corrupt-file` for bytes that are no
 *   protobuf.
 */
export function requireWithinLimits(bytes: Uint8Array, file: string): void {
  const walk = new Walk(bytes, file);
  walk.message(tableOf(ModelProtoSchema), 0, bytes.length, 0);
}

class Walk {
  #messages = 0;
  #nodes = 0;
  #tensors = 0;
  #graphs = 0;
  #integers = 0;
  #at = 0;
  readonly #bytes: Uint8Array;
  readonly #file: string;

  constructor(bytes: Uint8Array, file: string) {
    this.#bytes = bytes;
    this.#file = file;
  }

  message({ type, rules }: Table, start: number, end: number, depth: number): void {
    this.#count(type, depth);
    let seen: Map<Rule, number> | null = null;
    this.#at = start;
    while (this.#at < end) {
      const tag = this.#varint(end);
      const wire = tag % 8;
      const rule = rules.get(Math.floor(tag / 8));
      const packed = wire === 2 && rule?.kind === 'integers';
      let stop = this.#at;
      let values = 1;
      if (wire === 2) {
        const length = this.#varint(end);
        stop = this.#at + length;
        if (stop > end) throw this.#damaged();
        if (packed) values = this.#integersUpTo(stop);
        else if (rule?.inner) this.message(rule.inner, this.#at, stop, depth + 1);
        else if (rule?.kind === 'name' && length > MAX_NAME_BYTES)
          throw this.#longName(this.#at, length);
        else if (rule?.kind === 'bytes') this.#more('messages');
      } else if (wire === 0) {
        this.#varint(end);
        stop = this.#at;
      } else if (wire === 1 || wire === 5) stop = this.#at + (wire === 1 ? 8 : 4);
      else throw this.#damaged();
      if (stop > end) throw this.#damaged();
      this.#at = stop;
      if (!rule) continue;
      if (rule.kind === 'integers') this.#addIntegers(values);
      if (rule.most === Number.POSITIVE_INFINITY) continue;
      seen ??= new Map();
      const sum = (seen.get(rule) ?? 0) + values;
      seen.set(rule, sum);
      if (sum > rule.most)
        throw beyondLimit(
          this.#file,
          `more than ${rule.most} ${rule.label} in one ${type.name} (at byte ${start})`,
          rule.most,
        );
    }
  }

  #count(type: DescMessage, depth: number): void {
    if (depth > MAX_DEPTH)
      throw beyondLimit(
        this.#file,
        `messages nested more than ${MAX_DEPTH} deep (at byte ${this.#at})`,
        MAX_DEPTH,
      );
    this.#more('messages');
    if (type === NodeProtoSchema) this.#more('nodes');
    else if (type === TensorProtoSchema) this.#more('tensors');
    else if (type === GraphProtoSchema) this.#more('graphs');
  }

  #more(what: 'messages' | 'nodes' | 'tensors' | 'graphs'): void {
    if (what === 'messages' && ++this.#messages > MAX_MESSAGES)
      throw beyondLimit(this.#file, `more than ${MAX_MESSAGES} parts`, MAX_MESSAGES);
    if (what === 'nodes' && ++this.#nodes > MAX_NODES)
      throw beyondLimit(this.#file, `more than ${MAX_NODES} nodes`, MAX_NODES);
    if (what === 'tensors' && ++this.#tensors > MAX_TENSORS)
      throw beyondLimit(this.#file, `more than ${MAX_TENSORS} tensors`, MAX_TENSORS);
    if (what === 'graphs' && ++this.#graphs > MAX_SUBGRAPHS + 1)
      throw beyondLimit(
        this.#file,
        `more than ${MAX_SUBGRAPHS} graphs inside nodes`,
        MAX_SUBGRAPHS,
      );
  }

  #addIntegers(values: number): void {
    this.#integers += values;
    if (this.#integers > MAX_INTEGERS)
      throw beyondLimit(
        this.#file,
        `more than ${MAX_INTEGERS} integers that are not raw bytes`,
        MAX_INTEGERS,
      );
  }

  /** Number of varints up to `stop`. */
  #integersUpTo(stop: number): number {
    let values = 0;
    for (let at = this.#at; at < stop; at++) if (this.#bytes[at]! < 128) values++;
    return values;
  }

  #varint(end: number): number {
    let value = 0;
    let scale = 1;
    for (let k = 0; k < 10 && this.#at < end; k++) {
      const byte = this.#bytes[this.#at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    throw this.#damaged();
  }

  #longName(at: number, length: number): EspalierError {
    const begin = new TextDecoder().decode(this.#bytes.subarray(at, at + 40));
    return beyondLimit(
      this.#file,
      `a name of ${length} bytes, which begins with ${JSON.stringify(begin)}`,
      MAX_NAME_BYTES,
    );
  }

  #damaged(): EspalierError {
    return new EspalierError(
      'corrupt-file',
      `${this.#file} is damaged or not an ONNX file: no field of it can begin at byte ` +
        `${this.#at} of its graph.`,
      'Download or export the file again.',
    );
  }
}
