// The calls of the studio that quantise, and those that know the quantisations of the open model.

import type { PlanResult } from '../../contract/plan.ts';
import type { Progress } from '../../contract/progress.ts';
import type {
  QuantisationShelf,
  QuantiseEstimate,
  QuantiseEvent,
  QuantiseOutcome,
  QuantiseRequest,
} from '../../contract/quantise.ts';
import type { QuantiseApi } from '../../contract/studio.ts';
import { dtypeSteps } from '../../model/export/steps.ts';
import type { Quantisation } from '../../model/quantise/quantisation.ts';
import { measureExport } from '../../runtime/score/exported.ts';
import { HealCalls } from '../heal/healCalls.ts';
import type { Healings } from '../heal/healings.ts';
import type { JobContext } from '../onWindows.ts';
import type { BundledText } from '../studioModel.ts';
import { idParts, type Quantisations } from './quantisations.ts';
import { QuantiseRunner } from './quantiseJob.ts';

export abstract class QuantiseCalls extends HealCalls implements QuantiseApi {
  protected readonly quantised: Quantisations;
  protected readonly quantiser: QuantiseRunner;

  constructor(
    context: JobContext,
    shelves: { healings: Healings; quantisations: Quantisations },
    bundledText: (which: BundledText) => Promise<string>,
  ) {
    super(context, shelves.healings, bundledText);
    this.quantised = shelves.quantisations;
    this.quantiser = new QuantiseRunner({
      ...context,
      quantisations: shelves.quantisations,
      bundledText,
    });
  }

  async estimateQuantise(request: QuantiseRequest): Promise<QuantiseEstimate> {
    return this.sessions.spare(async (signal) => {
      const healing = (await this.healingOf(request.healing)) ?? null;
      return this.quantiser.estimate(this.model(), request, healing, signal);
    });
  }

  async quantise(
    request: QuantiseRequest,
    onEvent: (event: QuantiseEvent) => void,
  ): Promise<QuantiseOutcome> {
    this.endPlan();
    this.quantiser.gate.prepare();
    return this.sessions.run(async (signal) => {
      const healing = (await this.healingOf(request.healing)) ?? null;
      return this.quantiser.quantise(this.model(), request, healing, signal, onEvent);
    });
  }

  /** A plan on the windows of the curve, by the bytes of its quantisation where it has one. */
  protected async measurePlan(
    { removed, healing: id, quantised }: Pick<PlanResult, 'removed' | 'healing' | 'quantised'>,
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): Promise<PlanResult> {
    const { session, windows } = await this.onCurve(signal, onProgress);
    const healing = await this.healingOf(id);
    const of = { removed, ...(healing && { healing: healing.id }) };
    if (quantised === undefined)
      return { ...(await session.plan(removed, signal, onProgress, healing)), ...of };
    const { dtype } = idParts(quantised);
    const steps = dtypeSteps(dtype, await this.quantised.get(quantised));
    if (healing) steps.unshift({ step: 'healing', healing, quantised: 'again' });
    const source = await this.model().openedFor([dtype]);
    const written = { source, removed, steps };
    const measure = await measureExport(session, written, windows, signal, onProgress);
    return { ...measure, ...of, quantised };
  }

  async quantisations(): Promise<QuantisationShelf> {
    return this.quantised.shelf();
  }

  async quantisation(id: string): Promise<Quantisation> {
    return this.quantised.get(id);
  }

  async forgetQuantisation(id: string | null): Promise<QuantisationShelf> {
    return this.quantised.forget(id);
  }

  async forgetQuantisationsOf(model: string | null): Promise<QuantisationShelf> {
    return this.quantised.forgetOf(model);
  }
}
