// The variants of a model that answer: which of them run together, and with what programs.

import { EspalierError } from '../../errors.ts';
import type { ExportSource } from '../../model/export/request.ts';
import { quantisationOf, type StepChoice } from '../../model/export/steps.ts';
import type { Healing } from '../../model/healing/healing.ts';
import { healedPrograms } from '../../model/healing/programs.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { formatUnits, sortUnits, type Unit } from '../../units.ts';
import { fewBitsForms, requireFewBits } from '../device/fewBits/check.ts';
import { remainderOf } from '../pass/schedule.ts';
import { exportedPrograms, measuredLevels } from '../score/exported.ts';
import type { ScoreSession } from '../score/session.ts';
import type { SessionModel } from '../score/sessionOptions.ts';
import type { ChainVariant } from './chainRun.ts';

/** A variant of the open model. */
export interface LikelihoodVariant {
  removed: readonly Unit[];
  /**
   * Steps of an export that change what is computed (quantise, width, float16): it is scored as it
   * would be written. A healing among them is not needed where `healing` is given.
   */
  steps: readonly StepChoice[];
  /** What such an export is made of, where that is not the open model as it is. */
  source?: ExportSource | undefined;
  /** Of this plan; its changes of matrices in few bits are rounded again as the file has them. */
  healing?: Healing | undefined;
}

/** In order. @throws EspalierError `bad-input` for a plan or a healing that does not fit */
export function checked(session: ScoreSession, variant: LikelihoodVariant): LikelihoodVariant {
  const removed = session.checkRemoved(variant.removed);
  const { healing, steps } = variant;
  if (healing && formatUnits(sortUnits(healing.removed)) !== formatUnits(removed))
    throw new EspalierError(
      'bad-input',
      `The healing belongs to the model without ${formatUnits(healing.removed) || 'nothing'}, ` +
        `and the plan removes ${formatUnits(removed) || 'nothing'}.`,
      'Choose a healing of this plan, or heal it.',
    );
  const all: readonly StepChoice[] =
    healing && steps.length > 0 && steps.every(({ step }) => step !== 'healing')
      ? [{ step: 'healing', healing, quantised: 'again' }, ...steps]
      : steps;
  return { ...variant, removed, steps: all };
}

/**
 * Variants by what runs together: those with the programs of the model, of which one healing at a
 * time has its weights beside those of the model; then each other one.
 */
export function partsOf(variants: readonly LikelihoodVariant[]): number[][] {
  const plain: number[] = [];
  const healed = new Map<string, number[]>();
  const exported: number[][] = [];
  for (const [k, { steps, healing }] of variants.entries())
    if (steps.length > 0) exported.push([k]);
    else if (healing) healed.set(healing.id, [...(healed.get(healing.id) ?? []), k]);
    else plain.push(k);
  const [first = [], ...others] = healed.values();
  return [[...plain, ...first], ...others, ...exported].filter((part) => part.length > 0);
}

/** The model of some variants that run together, and what is left of its blocks in each. */
export async function chainOf(
  { opened, session }: { opened: OpenedModel; session: ScoreSession },
  model: SessionModel,
  variants: readonly LikelihoodVariant[],
): Promise<{
  model: SessionModel;
  variants: ChainVariant[];
  roundedActivations: boolean;
  streamed: boolean;
}> {
  const [first] = variants;
  const { streamed } = session;
  if (first && first.steps.length > 0) {
    const { removed, steps } = first;
    const levels = measuredLevels(steps);
    const exported = await exportedPrograms(
      { source: first.source ?? opened, removed, steps },
      model.engine,
      levels,
    );
    if (quantisationOf(steps))
      await requireFewBits(model.engine, fewBitsForms(exported.opened.structure.graph));
    const { programs } = exported;
    return {
      model: { ...model, programs },
      variants: [{ programs, remainders: programs.blocks.map((_, block) => block) }],
      roundedActivations: levels === 'rounded',
      streamed,
    };
  }
  return {
    model,
    variants: variants.map(({ removed, healing }) => {
      const units = new Set(removed);
      return {
        programs: healing
          ? healedPrograms(model.programs, opened.structure, healing.changes)
          : model.programs,
        remainders: model.programs.blocks.map((_, block) => remainderOf(block, units)),
      };
    }),
    roundedActivations: false,
    streamed,
  };
}
