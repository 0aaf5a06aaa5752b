// The error of a graph whose blocks cannot be found.

import { EspalierError } from '../../../errors.ts';

export function unsupported(message: string, hint: string): EspalierError {
  return new EspalierError('unsupported-graph', message, hint);
}
