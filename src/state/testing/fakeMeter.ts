// A stand-in for the meter, with plausible speeds, delays and errors on demand; for tests, never in the app.

import { EspalierError } from '../../errors.ts';
import type { MeterApi } from '../../worker/benchApi.ts';

export interface FakeMeter {
  api: MeterApi;
}

export function fakeMeter(): FakeMeter {
  const none = async (): Promise<never> => {
    throw new EspalierError('bug', 'The stand-in does not measure.');
  };
  return { api: { measure: none, sweep: none, generate: none, cancel: () => {} } };
}
