// The quantisations that the studio worker makes: texts are read, the session is opened, the
// outcome is kept. One at a time; it can be paused, and continued after a closed tab.

import type {
  KeptQuantisation,
  QuantiseData,
  QuantiseEstimate,
  QuantiseEvent,
  QuantiseOutcome,
  QuantiseRequest,
  QuantiseResult,
} from '../../contract/quantise.ts';
import type { Healing } from '../../model/healing/healing.ts';
import { idInPrecision } from '../../model/quantise/id.ts';
import { estimateQuantise } from '../../runtime/quantise/estimate.ts';
import type { NamedText, QuantiseJob, QuantiseSources } from '../../runtime/quantise/job.ts';
import { quantise } from '../../runtime/quantise/quantise.ts';
import { type JobContext, progressTo } from '../onWindows.ts';
import { JobGate } from '../pauseGate.ts';
import type { BundledText, StudioModel } from '../studioModel.ts';
import { computedBytes, type Quantisations } from './quantisations.ts';

export interface QuantiseContext extends JobContext {
  quantisations: Quantisations;
  bundledText(which: BundledText): Promise<string>;
}

type Source = QuantiseData['heldOut'];

/** A text without its words: its name says which one it was. */
const named = <S extends Source>(source: S): S =>
  source?.kind === 'text' ? { ...source, text: '' } : source;

export class QuantiseRunner {
  private readonly context: QuantiseContext;
  readonly gate = new JobGate();

  constructor(context: QuantiseContext) {
    this.context = context;
  }

  /** @throws EspalierError as `StudioApi.estimateQuantise` */
  async estimate(
    model: StudioModel,
    request: QuantiseRequest,
    healing: Healing | null,
    signal: AbortSignal,
  ): Promise<QuantiseEstimate> {
    const { sessions } = this.context;
    const asked = await this.asked(model, request, healing);
    const { session } = await sessions.open(asked.opened, request.device, { signal });
    await session.setBudget(request.budgetBytes ?? sessions.budgetBytes);
    return estimateQuantise({ ...asked, session, signal });
  }

  /** @throws EspalierError as `StudioApi.quantise` */
  async quantise(
    model: StudioModel,
    request: QuantiseRequest,
    healing: Healing | null,
    signal: AbortSignal,
    onEvent: (event: QuantiseEvent) => void,
  ): Promise<QuantiseOutcome> {
    const { sessions, checkpoints } = this.context;
    const gate = this.gate.begin(signal);
    const onNote = (text: string) => onEvent({ type: 'note', text });
    const withCheckpoints = checkpoints.begin(() => model.identity());
    const asked = await this.asked(model, request, healing);
    const { session, engine, notes } = await sessions.open(asked.opened, request.device, {
      signal,
      onProgress: progressTo(onEvent),
    });
    for (const note of notes) onNote(note);
    await session.setBudget(request.budgetBytes ?? sessions.budgetBytes);
    const device = { kind: engine.kind, name: engine.name };
    const result = await withCheckpoints({ job: 'quantise', request, device }, onNote, (store) =>
      quantise({ ...asked, session, signal, gate, store, onEvent }),
    );
    return this.keep(request, result);
  }

  private async asked(
    model: StudioModel,
    request: QuantiseRequest,
    healing: Healing | null,
  ): Promise<Omit<QuantiseJob, 'session' | 'onEvent'>> {
    const { removed, dtype, settings, forms, mixed } = request;
    const sources = await this.sourcesOf(model, request);
    const opened = await model.openedFor([dtype]);
    return { opened, removed, healing, dtype, settings, forms, mixed, sources };
  }

  /** The texts of a request, the bundled ones read; none where the model has no tokenizer. */
  private async sourcesOf(
    model: StudioModel,
    { data, windows, settings, mixed }: QuantiseRequest,
  ): Promise<QuantiseSources> {
    const { bundledText } = this.context;
    const { samples, length } = data;
    const needsText = settings.method === 'gptq' || mixed !== null;
    // Whoever needs a text hears why it cannot be read.
    const canRead = needsText || (await model.tokenizer().then(Boolean, () => false));
    const read = async (
      source: Source,
      bundled: { name: string; which: BundledText },
    ): Promise<NamedText | null> => {
      if (source === null || !canRead) return null;
      const { name, which } = bundled;
      return source.kind === 'text' ? source : { name, text: await bundledText(which) };
    };
    return {
      calibration: await read(data.calibration, { name: 'calibration.txt', which: 'calibration' }),
      heldOut: await read(data.heldOut, { name: 'evaluation.txt', which: 'evaluation' }),
      samples,
      length,
      ...(windows && { windows }),
    };
  }

  private async keep(
    { forms, mixed, data, dtype }: QuantiseRequest,
    { quantisation, measured: _, ...result }: QuantiseResult,
  ): Promise<QuantiseOutcome> {
    const { quantisations } = this.context;
    const { computed, ...rest } = quantisation;
    const about: KeptQuantisation = {
      ...result,
      id: idInPrecision(dtype, quantisation),
      quantisation: rest,
      asked: {
        forms,
        mixed,
        data: { ...data, calibration: named(data.calibration), heldOut: named(data.heldOut) },
      },
      keptBytes: computedBytes(computed),
      savedAt: Date.now(),
      stored: true,
    };
    const { kept, gone } = await quantisations.put(about, computed);
    const { bytes, mostBytes } = await quantisations.shelf();
    return { quantised: kept, gone, bytes, mostBytes };
  }
}
