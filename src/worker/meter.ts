// The page's meter: variants in workers of their own, measured and generated with in turns. Must not load or compile anything itself.

import { EspalierError } from '../errors.ts';
import type { StudioApi } from './api.ts';
import type { MeterApi } from './benchApi.ts';

export function createMeter(_studio: StudioApi): MeterApi {
  const none = async (): Promise<never> => {
    throw new EspalierError('bug', 'Measuring is not built in yet.');
  };
  return { measure: none, sweep: none, generate: none, cancel: () => {} };
}
