// Places for graphs of tests whose tensors all lie in files; nothing in them is computed.

import type { Placement, PlaceTensor } from '../codec.ts';
import { isRange } from '../graph.ts';
import type { ByteRange } from '../source.ts';

/** A `PlaceTensor` that is asked about file ranges only. */
export function inFile(place: (range: ByteRange) => Placement): PlaceTensor {
  return (tensor, data) => {
    if (!isRange(data)) throw new Error(`${tensor.name} is computed`);
    return place(data);
  };
}
