// The parts of a loss one after the other: what removing, healing and quantising add to the NLL of
// the original, or take away again.

import type { QuantisedMeasure, QuantisedPart } from './quantisation.ts';

const STAGES = ['pruned', 'healed', 'quantised'] as const;
export type LossStage = (typeof STAGES)[number];

export interface LossPart {
  stage: LossStage;
  /** What was measured after this stage. */
  part: QuantisedPart;
  /** Mean NLL before it, and what it adds to that, in nats per token. */
  before: number;
  costs: number;
}

/** The stages that this measure has, in their order; the last is `quantised`. */
export function lossParts(measure: Pick<QuantisedMeasure, 'original' | LossStage>): LossPart[] {
  let before = measure.original.nll;
  return STAGES.flatMap((stage) => {
    const part = measure[stage];
    if (!part) return [];
    const found = { stage, part, before, costs: part.nll - before };
    before = part.nll;
    return [found];
  });
}
