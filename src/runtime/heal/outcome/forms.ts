// A healing of a graph of few bits in both forms that an export can have, on the texts of the
// healing: changed matrices rounded to few bits again, and kept as floats.

import type { HealResult } from '../../../contract/heal.ts';
import type { HealedMeasure } from '../../../model/healing/healing.ts';
import { changesIntegers } from '../../../model/healing/storedWeights.ts';
import type { HealJob } from '../healJob.ts';
import { readHealTexts } from '../texts/texts.ts';
import { floatPrograms } from './floats.ts';
import { measureHealed } from './measure.ts';

/** Mean NLLs in nats per predicted token. */
export interface TextForms extends Pick<HealedMeasure, 'set' | 'name'> {
  again: number;
  float: number;
}

/**
 * Measures the form that the healing was not measured in. Null where the healing changes no matrix
 * of few bits, so that there is one form only.
 * @throws EspalierError as `readHealTexts` and `measureHealed`
 */
export async function formsOnTexts(
  { opened, session, sources, methods, quantised, signal, onEvent }: HealJob,
  { healing, measured }: Pick<HealResult, 'healing' | 'measured'>,
): Promise<TextForms[] | null> {
  const { structure } = opened;
  const { removed, changes } = healing;
  if (!changesIntegers(structure, changes)) return null;
  const { measured: texts } = await readHealTexts(sources, methods, opened, signal);
  const inFloats = quantised === 'float';
  const others = await session.alone((model) =>
    measureHealed({
      ...model,
      structure,
      removed,
      changes,
      floats: inFloats ? null : floatPrograms(opened, changes, model.engine),
      texts,
      signal,
      onProgress: (progress) => onEvent({ type: 'progress', progress }),
    }),
  );
  return measured.map(({ set, name, healed }, k) => {
    const other = others[k] ?? Number.NaN;
    return { set, name, again: inFloats ? other : healed, float: inFloats ? healed : other };
  });
}
