// An evaluation text as the segments that are run, with the record of how they were made.

import type { EvaluateRequest, EvaluateResult } from '../../contract/evaluate.ts';
import { EspalierError } from '../../errors.ts';
import { sha256OfText } from '../../text/hash.ts';
import { overlapShare, overlapWarning } from '../../text/overlap.ts';
import { cutSegments } from '../../text/segments.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { unknownWarning } from '../../text/unknown.ts';
import { resolveBos } from '../../text/windows.ts';
import { checkVocabulary, tokenIds, type Vocabulary } from '../score/calibration.ts';

/** What an evaluation needs to know about its text, in the fields of its result. */
export interface EvaluationText
  extends Pick<
    EvaluateResult,
    'text' | 'segment' | 'stride' | 'bos' | 'totalSegments' | 'warnings'
  > {
  /** Token ids of each segment, BOS included. */
  segments: number[][];
  /** How many of its last tokens each segment predicts. */
  predicts: number[];
}

/** Longer segments cost memory by their square, and no published number uses them. */
const LONGEST_SEGMENT = 2048;

/**
 * Tokenises a text without special tokens and cuts it into segments.
 * @param model what the model's config says of its size
 * @param calibration windows that the plan was chosen on; an overlap becomes a warning
 * @throws EspalierError `bad-input` (text too short, segments beyond 2048 tokens or the model's
 *   context), `tokenizer`, `cancelled`
 */
export async function evaluationText(
  source: { name: string; text: string },
  request: Pick<EvaluateRequest, 'segment' | 'stride' | 'bos' | 'maxSegments'>,
  model: Vocabulary & { contextLength: number | null },
  tokenizer: () => Promise<Tokenizer>,
  calibration: readonly (readonly number[])[] | null,
  signal?: AbortSignal,
): Promise<EvaluationText> {
  const limit = Math.min(LONGEST_SEGMENT, model.contextLength ?? LONGEST_SEGMENT);
  if (request.segment > limit)
    throw new EspalierError(
      'bad-input',
      `Segments of ${request.segment} tokens are longer than ${
        limit < LONGEST_SEGMENT
          ? `this model's context of ${limit}`
          : `the ${limit} that can be evaluated`
      }.`,
      `Use segments of at most ${limit} tokens.`,
    );
  const used = await tokenizer();
  const { policy, bos } = resolveBos(request.bos, used);
  const ids = await tokenIds(source.text, used, signal);
  const { segments, predicts, total, stride } = cutSegments({
    name: source.name,
    ids,
    ...request,
    bos,
  });
  checkVocabulary(segments, model);
  const warnings = [
    unknownWarning(ids, used.unknownId, 'evaluation text'),
    calibration && overlapWarning(overlapShare(ids, calibration)),
  ].filter((warning) => warning !== null);
  return {
    text: { name: source.name, sha256: await sha256OfText(source.text), tokens: ids.length },
    segment: request.segment,
    stride,
    bos: policy,
    totalSegments: total,
    warnings,
    segments,
    predicts,
  };
}
