// The prompt of a measurement, and the check of its settings.

import { checkSampling } from '../analysis/sampling.ts';
import type { SpeedSettings } from '../contract/speed.ts';
import type { VariantHandle } from '../contract/variant.ts';
import { EspalierError, toReport } from '../errors.ts';
import { spreadIds } from '../spreadIds.ts';

const OWN_TEXT =
  'In the first days of spring the old gardener walked along the wall, looked at every branch ' +
  'of the pear tree, and took away what had grown in the wrong direction. A tree that is ' +
  'trained on a wall needs little room, he said, but it needs a patient hand. By the evening ' +
  'the ground ' +
  'was covered with twigs, the tree looked smaller than before, and it bore more fruit that ' +
  'year than in any other that he remembered.';

/** @throws EspalierError `bad-input` naming the first setting that is out of range */
export function checkSpeedSettings(settings: SpeedSettings): void {
  const least: [value: number, name: string, min: number][] = [
    [settings.tokens, 'The number of new tokens', 1],
    [settings.runs, 'The number of timed runs', 1],
    [settings.warmup, 'The number of warm-up runs', 0],
    [settings.batch, 'The batch size', 1],
  ];
  if (settings.prompt === null)
    least.push([settings.promptTokens, 'The number of prompt tokens', 1]);
  for (const [value, name, min] of least)
    if (!Number.isSafeInteger(value) || value < min)
      throw new EspalierError(
        'bad-input',
        `${name} must be a whole number of at least ${min}, not ${value}.`,
        'Change the settings.',
      );
  checkSampling(settings.sampling);
}

/**
 * Prompt ids of a measurement: the given text as it is, or a text of our own cut (or repeated) to
 * exactly `promptTokens` ids. A model without a usable tokenizer (or with one of another
 * vocabulary) gets ids spread over its vocabulary, with a note: speed does not depend on them.
 * @throws EspalierError `tokenizer` when a given text cannot be encoded, `bad-input` when it is
 *   empty or its ids are not the model's
 */
export async function promptIds(
  handle: Pick<VariantHandle, 'info' | 'encode'>,
  { prompt, promptTokens }: SpeedSettings,
): Promise<{ ids: number[]; note: string | null }> {
  if (prompt !== null)
    return { ids: (await handle.encode({ kind: 'raw', text: prompt })).ids, note: null };
  let why = 'The folder has no tokenizer';
  if (handle.info.hasTokenizer) {
    try {
      const { ids } = await handle.encode({ kind: 'raw', text: OWN_TEXT });
      if (ids.length > 0)
        return {
          ids: Array.from({ length: promptTokens }, (_, i) => ids[i % ids.length]!),
          note: null,
        };
      why = 'The tokenizer returns no ids';
    } catch (error) {
      const { code, message } = toReport(error);
      if (code !== 'tokenizer' && code !== 'bad-input') throw error;
      why = message.replace(/\.$/, '');
    }
  }
  const ids = spreadIds(promptTokens, handle.info.vocabSize || null);
  return {
    ids,
    note: `${why}: the prompt is ${promptTokens} token ids spread over the vocabulary.`,
  };
}
