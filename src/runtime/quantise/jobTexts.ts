// What a quantisation sees of its texts: the windows of GPTQ, those that sensitivities are measured
// on, and what the outcome is measured on.

import type { WindowSize } from '../../contract/runTimes.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import type { QuantisationRecord } from '../../model/quantise/quantisation.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { evaluationText } from '../evaluate/text.ts';
import { longest, type Windows } from '../pass/scoringContext.ts';
import { calibrate, folderTokenizer } from '../score/calibration.ts';
import type { MeasuredSegments, QuantiseSources } from './job.ts';

/** Windows of the calibration text that are measured on, as many as a curve takes by default. */
const MEASURED_WINDOWS = 10;
/** Segments of the held-out text that are measured on, from its start. */
const MEASURED_SEGMENTS = 40;

/** The largest text that is measured on, as windows of one length; reads none. */
export function measuredSize({
  calibration,
  heldOut,
  length,
  windows: given,
}: QuantiseSources): WindowSize {
  const cut = calibration ? MEASURED_WINDOWS : 0;
  return {
    windows: Math.max(1, given?.windows.length ?? cut, heldOut ? MEASURED_SEGMENTS : 0),
    length: Math.max(length, given ? longest(given.windows) : 0),
  };
}

export interface QuantiseTexts {
  /** What GPTQ takes its statistics from; null without a calibration text. */
  statistics: { windows: Windows; record: NonNullable<QuantisationRecord['text']> } | null;
  /** What sensitivities are measured on: the windows among `measured`. */
  windows: Windows | null;
  measured: MeasuredSegments[];
  /** What the reader should know about the texts, and what makes numbers doubtful; sentences. */
  notes: string[];
}

/**
 * Reads the texts of a quantisation.
 * @param gptq the statistics of GPTQ are needed
 * @throws EspalierError `bad-input` (text too short, windows beyond the model's context),
 *   `tokenizer`, `cancelled`
 */
export async function readQuantiseTexts(
  { calibration, samples, length, heldOut, windows: given }: QuantiseSources,
  { root, summary }: Pick<OpenedModel, 'root' | 'summary'>,
  gptq: boolean,
  signal?: AbortSignal,
): Promise<QuantiseTexts> {
  let loaded: Promise<Tokenizer> | null = null;
  const tokenizer = (): Promise<Tokenizer> => {
    loaded ??= folderTokenizer(root.folder, summary.problems);
    return loaded;
  };
  const notes = new Set<string>();
  const measured: MeasuredSegments[] = [];
  let statistics: QuantiseTexts['statistics'] = null;
  if (calibration && gptq) {
    const request = { segment: length, stride: null, bos: null, maxSegments: samples };
    const cut = await evaluationText(calibration, request, summary, tokenizer, null, signal);
    const { name, sha256 } = cut.text;
    if (cut.segments.length < samples)
      notes.add(
        `${name} has ${cut.text.tokens} tokens, enough for ${cut.segments.length} of the ` +
          `${samples} windows that GPTQ was to see.`,
      );
    const tokens = cut.segments.length * length;
    statistics = {
      windows: cut.segments,
      record: { name, sha256, windows: cut.segments.length, tokens },
    };
  }
  if (given) {
    const segments = given.windows;
    measured.push({ set: 'windows', name: given.name, segments });
  } else if (calibration) {
    const even = {
      samples: MEASURED_WINDOWS,
      length,
      sampler: 'even',
      seed: 0,
      bos: null,
    } as const;
    const cut = await calibrate(calibration, even, tokenizer, summary, signal);
    for (const note of [...cut.notes, ...cut.warnings]) notes.add(note);
    measured.push({ set: 'windows', name: calibration.name, segments: cut.windows });
  }
  const windows = measured[0]?.segments ?? null;
  if (heldOut) {
    const request = { segment: length, stride: null, bos: null, maxSegments: MEASURED_SEGMENTS };
    const seen = [...(windows ?? []), ...(statistics?.windows ?? [])];
    const cut = await evaluationText(heldOut, request, summary, tokenizer, seen, signal);
    for (const warning of cut.warnings) notes.add(warning);
    measured.push({ set: 'held-out', name: heldOut.name, segments: cut.segments });
  }
  return { statistics, windows, measured, notes: [...notes] };
}
