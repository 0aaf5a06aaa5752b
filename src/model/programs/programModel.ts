// The graph inside a weightless program, and back.

import { EspalierError } from '../../errors.ts';
import { decodeModel, encodeModel } from '../../onnx/codec.ts';
import type { Model } from '../../onnx/graph.ts';
import type { Program } from './program.ts';

/** A model of its own at every call, so that it may be changed. */
export function programModel({ bytes, id }: Program): Model {
  return decodeModel(
    bytes,
    (_, tensor) => {
      throw new EspalierError('bug', `The tensor "${tensor}" of the program ${id} is in a file.`);
    },
    id,
  );
}

/** The bytes of a program's model, which holds no byte ranges. */
export function encodeInline(model: Model): Uint8Array<ArrayBuffer> {
  return encodeModel(model, ({ name }) => {
    throw new EspalierError('bug', `The tensor "${name}" is inside a weightless program.`);
  });
}
