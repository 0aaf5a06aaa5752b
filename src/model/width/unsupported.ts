// The refusal to make a block narrower.

import { EspalierError } from '../../errors.ts';

export function unsupported(block: number, why: string): EspalierError {
  return new EspalierError(
    'unsupported-graph',
    `Block ${block} cannot be made narrower: ${why}.`,
    'Remove whole blocks of this model in its place.',
  );
}
