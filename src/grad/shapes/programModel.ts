// The graph inside a weightless program.

import { EspalierError } from '../../errors.ts';
import type { Program } from '../../model/programs/program.ts';
import { decodeModel } from '../../onnx/codec.ts';
import type { Model } from '../../onnx/graph.ts';

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
