// Local functions of models that are put together.

import { fromBinary } from '@bufbuild/protobuf';
import { EspalierError } from '../errors.ts';
import type { Model } from './graph.ts';
import { FunctionProtoSchema } from './onnx_pb.js';

/**
 * The local functions of both models, each once.
 * @throws EspalierError `unsupported-graph` where they differ under one name
 */
export function joinedFunctions(a: Model, b: Model): Uint8Array[] {
  const found = new Map<string, Uint8Array>();
  for (const bytes of [...a.functions, ...b.functions]) {
    const { domain, name, overload } = fromBinary(FunctionProtoSchema, bytes);
    const key = `${domain}\n${name}\n${overload}`;
    const known = found.get(key);
    if (known && !sameBytes(known, bytes))
      throw new EspalierError(
        'unsupported-graph',
        `Two graphs of the model call different local functions ${name}.`,
        'Export the graphs with their functions inlined (onnx.inliner).',
      );
    found.set(key, bytes);
  }
  return [...found.values()];
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
