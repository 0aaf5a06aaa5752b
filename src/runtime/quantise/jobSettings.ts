// What of the settings of a quantisation excludes each other, before anything is read.

import { EspalierError } from '../../errors.ts';
import { EXPORT_DTYPES } from '../../model/export/steps.ts';
import { BLOCK_SIZES } from '../../model/quantise/quantisation.ts';
import type { QuantiseJob } from './job.ts';

/** How methods are called. */
const METHODS = { rtn: 'Rounding to the nearest', hqq: 'HQQ', gptq: 'GPTQ' } as const;

/**
 * @throws EspalierError `bad-input` naming what does not go together, or is missing
 */
export function checkQuantiseSettings({
  settings,
  dtype,
  mixed,
  sources,
}: Pick<QuantiseJob, 'settings' | 'dtype' | 'mixed' | 'sources'>): void {
  const { method, bits, block, symmetric, accuracyLevel } = settings;
  const refuse = (message: string, hint: string): never => {
    throw new EspalierError('bad-input', message, hint);
  };
  if (!BLOCK_SIZES.includes(block))
    refuse(
      `Scales are shared by ${BLOCK_SIZES.join(', ')} inputs, not by ${block}.`,
      'Choose one of these block sizes.',
    );
  if (bits !== EXPORT_DTYPES[dtype].bits)
    refuse(
      `The precision ${dtype} has ${EXPORT_DTYPES[dtype].bits} bits, and ${bits} are asked for.`,
      'Choose the precision of these bits.',
    );
  if (method !== 'rtn' && bits === 8)
    refuse(
      `${METHODS[method]} gives 4 bits, not 8.`,
      'Choose rounding to the nearest (rtn) for 8 bits, which loses next to nothing.',
    );
  if (method !== 'rtn' && symmetric)
    refuse(
      `${METHODS[method]} needs zero points, which symmetric quantisation has none of.`,
      'Choose rounding to the nearest (rtn), or leave out symmetric.',
    );
  if (accuracyLevel !== 0 && accuracyLevel !== 4)
    refuse(`The accuracy level is 0 or 4, not ${accuracyLevel}.`, 'Choose one of them.');
  if (method === 'gptq' && !sources.calibration)
    refuse(
      'GPTQ takes its statistics from a text, and there is none.',
      'Give a calibration text, or choose rounding to the nearest (rtn) or HQQ.',
    );
  if (mixed && !sources.calibration && !sources.windows)
    refuse(
      'Which matrices keep more bits is chosen by a text, and there is none.',
      'Give a calibration text, or leave out the choice.',
    );
  const goal = mixed?.kind === 'bytes' ? mixed.bytes : (mixed?.nats ?? 0);
  if (!(Number.isFinite(goal) && goal >= 0))
    refuse(
      `The choice of precisions is given ${goal} ${mixed?.kind === 'bytes' ? 'bytes' : 'nats'}.`,
      'Give a number of at least 0.',
    );
}
