// The name suggested for the folder of a narrower model.

import type { ModelSummary } from '../../model/open/summary.ts';
import type { WidthPlan } from '../../model/width/types.ts';
import { folderBase } from '../export/name.ts';

/** "austen-wanda-sp-18": the method, and the percent of the weights that went of those that can. */
export const widthName = (summary: ModelSummary, { method, ratio }: WidthPlan): string =>
  `${folderBase(summary)}-${method}-${Math.round(100 * ratio)}`;
