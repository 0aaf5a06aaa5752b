// The thresholds by which a plan is called usable or broken: the person's, whatever model is open.

import { DEFAULT_THRESHOLDS, type Thresholds } from '../../words/verdict.ts';
import { kept } from '../slice.ts';

export interface VerdictSlice {
  thresholds: Thresholds;
}

export const VERDICT = kept<VerdictSlice>({ thresholds: DEFAULT_THRESHOLDS });
