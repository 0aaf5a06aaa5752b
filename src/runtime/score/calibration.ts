// Calibration windows, and the record of how they were made, from a text or from given token ids.

import { xoshiro128 } from '../../analysis/random.ts';
import type { RecordedSettings, ScoreSettings } from '../../contract/score.ts';
import type { TokenCount } from '../../contract/tokens.ts';
import { EspalierError, throwIfCancelled } from '../../errors.ts';
import type { ModelSummary } from '../../model/open/summary.ts';
import { type Folder, readText } from '../../onnx/source.ts';
import { MAX_TOKENIZER_CONFIG_BYTES } from '../../text/config.ts';
import { sha256OfText } from '../../text/hash.ts';
import { loadTokenizer, MAX_TOKENIZER_BYTES, type Tokenizer } from '../../text/tokenizer.ts';
import { unknownWarning } from '../../text/unknown.ts';
import { checkGivenWindows, resolveBos, sampleWindows } from '../../text/windows.ts';
import { macrotask } from '../device/yielder.ts';

export type CalibrationText = { name: string; text: string } | { name: string; windows: unknown };

export interface Calibration {
  /** S windows of L token ids. */
  windows: number[][];
  settings: RecordedSettings;
  /** What the reader should know about the windows. */
  notes: string[];
  /** What makes numbers on these windows doubtful: a text that the tokenizer cannot write. */
  warnings: string[];
}

/**
 * Windows of a text by the settings (even or random sampler, BOS policy: docs/numerics.md), or the
 * given ids as they are.
 * @param model what the model's config says of its size
 * @throws EspalierError `bad-input` (text too short, ids out of range, windows beyond the model's
 *   context), `tokenizer` (none, or without a BOS that is asked for), `cancelled`.
 */
export async function calibrate(
  source: CalibrationText,
  requested: Omit<ScoreSettings, 'text' | 'device'>,
  tokenizer: () => Promise<Tokenizer>,
  model: Vocabulary & { contextLength: number | null },
  signal?: AbortSignal,
): Promise<Calibration> {
  const { vocabSize, contextLength } = model;
  const { samples, length, sampler, seed } = requested;
  if ('windows' in source) {
    const windows = checkGivenWindows(source.windows, vocabSize ?? Number.POSITIVE_INFINITY);
    checkVocabulary(windows, model);
    const record = {
      text: source.name,
      textSha256: '',
      samples: windows.length,
      length: windows[0]?.length ?? 0,
    };
    checkContext(record.length, contextLength);
    const nothing = { notes: [], warnings: [] };
    return { windows, settings: { ...record, sampler: 'given', seed, bos: 'none' }, ...nothing };
  }
  checkContext(length, contextLength);
  const used = await tokenizer();
  const { policy, bos } = resolveBos(requested.bos, used);
  const ids = await tokenIds(source.text, used, signal);
  const { windows, notes } = sampleWindows({
    name: source.name,
    ids,
    samples,
    length,
    sampler,
    random: xoshiro128(seed),
    bos,
    intervals: true,
  });
  checkVocabulary(windows, model);
  const textSha256 = await sha256OfText(source.text);
  const warning = unknownWarning(ids, used.unknownId, 'calibration text');
  return {
    windows,
    settings: {
      text: source.name,
      textSha256,
      samples: windows.length,
      length,
      sampler,
      seed,
      bos: policy,
    },
    notes,
    warnings: warning === null ? [] : [warning],
  };
}

/** @throws EspalierError `bad-input` for windows longer than the model's context */
export function checkContext(length: number, contextLength: number | null): void {
  if (contextLength !== null && length > contextLength)
    throw new EspalierError(
      'bad-input',
      `Windows of ${length} tokens are longer than this model's context of ${contextLength}.`,
      `Use windows of at most ${contextLength} tokens.`,
    );
}

/**
 * Token ids of a whole text, without special tokens; the event loop turns between stretches of a
 * long one. @throws EspalierError `cancelled`.
 */
export function tokenIds(
  text: string,
  { encodeLong }: Tokenizer,
  signal?: AbortSignal,
): Promise<number[]> {
  return encodeLong(text, async () => {
    await macrotask();
    throwIfCancelled(signal);
  });
}

/** What a text gives before it is cut into windows. @throws EspalierError `cancelled` */
export async function countTokens(
  text: string,
  tokenizer: Tokenizer,
  signal?: AbortSignal,
): Promise<TokenCount> {
  const { length } = await tokenIds(text, tokenizer, signal);
  return { tokens: length, addsBos: resolveBos(null, tokenizer).bos !== null };
}

/** Which token ids a model takes. */
export type Vocabulary = Pick<ModelSummary, 'vocabSize' | 'placeholders'>;

/**
 * @throws EspalierError `tokenizer` naming the first id that the model does not have (a vocabulary
 *   of unknown size, null, has all); `bad-input` for one that stands for an image or sound
 */
export function checkVocabulary(
  windows: readonly (readonly number[])[],
  { vocabSize, placeholders = [] }: Vocabulary,
): void {
  for (const window of windows)
    for (const id of window) {
      if (placeholders.includes(id))
        throw new EspalierError(
          'bad-input',
          `The text has token id ${id}, in whose place this model takes an image, video or sound; ` +
            'a text alone has none.',
          'Use a text without such placeholders.',
        );
      if (vocabSize !== null && id >= vocabSize)
        throw new EspalierError(
          'tokenizer',
          `The tokenizer gives token id ${id}, but the model's vocabulary has ${vocabSize} ` +
            'entries.',
          'The tokenizer.json belongs to another model: put the right one into the folder.',
        );
    }
}

/**
 * The tokenizer of a model folder.
 * @param problems of the model: why there is none
 * @throws EspalierError `tokenizer` when it is missing or broken
 */
export async function folderTokenizer(
  folder: Folder,
  problems: ModelSummary['problems'] = [],
): Promise<Tokenizer> {
  const json = await readText(folder, 'tokenizer.json', MAX_TOKENIZER_BYTES, 'tokenizer');
  return loadTokenizer(
    json,
    await readText(folder, 'tokenizer_config.json', MAX_TOKENIZER_CONFIG_BYTES, 'tokenizer'),
    problems,
  );
}
