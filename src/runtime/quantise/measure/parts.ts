// The texts that a quantisation is measured on, in parts whose hidden states fit into memory, and
// the sums over them.

import type { ProgramTraits } from '../../../model/programs/program.ts';
import type { QuantisedPart } from '../../../model/quantise/quantisation.ts';
import { byteSize } from '../../device/host.ts';
import type { EvaluationText } from '../../evaluate/text.ts';
import type { MeasuredSegments } from '../job.ts';

/** Segments of one text and of one length. */
export interface MeasuredPart {
  /** Index of the text. */
  text: number;
  segments: readonly (readonly number[])[];
  evaluated: EvaluationText;
  /** Of the last hidden states of the original. */
  stateBytes: number;
}

/**
 * Parts of the texts, in their order.
 * @param most bytes of hidden states in a part, where one segment has room
 */
export function partsOf(
  texts: readonly MeasuredSegments[],
  { residualType, stateSize }: Pick<ProgramTraits, 'residualType' | 'stateSize'>,
  most: number,
): MeasuredPart[] {
  const parts: MeasuredPart[] = [];
  for (const [text, { name, segments }] of texts.entries())
    for (let from = 0; from < segments.length; ) {
      const { length } = segments[from] as readonly number[];
      const one = byteSize(residualType, [length, stateSize]);
      const other = segments.findIndex((ids, k) => k > from && ids.length !== length);
      const alike = (other < 0 ? segments.length : other) - from;
      const count = Math.max(1, Math.min(alike, Math.floor(most / one)));
      const own = segments.slice(from, from + count);
      parts.push({
        text,
        segments: own,
        evaluated: evaluated(name, own, length),
        stateBytes: count * one,
      });
      from += count;
    }
  return parts;
}

/** Parts whose states are held together; one at least. */
export function batchesOf(parts: readonly MeasuredPart[], most: number): MeasuredPart[][] {
  const batches: MeasuredPart[][] = [];
  let held = 0;
  for (const part of parts) {
    const last = batches.at(-1);
    if (last && held + part.stateBytes <= most) {
      last.push(part);
      held += part.stateBytes;
    } else {
      batches.push([part]);
      held = part.stateBytes;
    }
  }
  return batches;
}

/** Segments that predict all of their tokens, as an evaluation takes them. */
function evaluated(
  name: string,
  segments: MeasuredPart['segments'],
  length: number,
): EvaluationText {
  return {
    text: { name, sha256: '', tokens: segments.length * length },
    segment: length,
    stride: null,
    bos: 'none',
    totalSegments: segments.length,
    warnings: [],
    segments: segments.map((ids) => [...ids]),
    predicts: segments.map(() => length - 1),
  };
}

/** Means over predicted tokens, and how many they are. */
export interface Sums extends QuantisedPart {
  predicted: number;
  /** Mean NLL of each segment. */
  nllPerWindow: number[];
}

/** The means over all of them. */
export function joined(all: readonly Sums[]): QuantisedPart {
  const predicted = all.reduce((sum, one) => sum + one.predicted, 0);
  const mean = (of: (one: Sums) => number): number =>
    all.reduce((sum, one) => sum + of(one) * one.predicted, 0) / predicted;
  const compared = all.every(({ klDivergence }) => klDivergence !== null);
  return {
    nll: mean(({ nll }) => nll),
    klDivergence: compared ? mean((one) => one.klDivergence ?? 0) : null,
    top1Agreement: compared ? mean((one) => one.top1Agreement ?? 0) : null,
  };
}
