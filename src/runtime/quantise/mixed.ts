// The choice of `mixed`: measures what each matrix alone costs, and gives the most sensitive ones
// more bits.

import { sensitivityKey } from '../../model/quantise/forms.ts';
import type { MatrixForm } from '../../model/quantise/quantisation.ts';
import { formatBytes } from '../../quantities.ts';
import type { CheckpointStore } from '../checkpoint/checkpoint.ts';
import { sequenceOf } from '../pass/schedule.ts';
import { type BaseJob, basePrograms } from './jobBase.ts';
import { writtenBytes } from './jobMatrices.ts';
import { type MixedForms, mixedForms } from './mixedForms.ts';
import { measureSensitivities } from './sensitivity.ts';
import { variantsOf } from './sensitivityVariants.ts';

export interface ChosenForms {
  forms: Record<string, MatrixForm>;
  /** By `sensitivityKey`; empty where nothing was to be chosen. */
  sensitivities: Map<string, number>;
  /** How it was chosen, in sentences. */
  notes: string[];
}

/**
 * The forms that were chosen by hand, and those of `mixed` among the rest.
 * @throws EspalierError as `measureSensitivities`
 */
export async function chooseForms(
  job: BaseJob,
  store: CheckpointStore | undefined,
): Promise<ChosenForms> {
  const { base, texts, mixed, forms, session, removed, settings, signal, gate, onEvent } = job;
  const { windows } = texts;
  if (!mixed || !windows || !session)
    return { forms: { ...forms }, sensitivities: new Map(), notes: [] };
  const sensitivities = await session.alone(async (model) => {
    const programs = basePrograms(job, model);
    const sequence = sequenceOf(programs.blocks.length, removed);
    return measureSensitivities({
      ...{ ...model, programs, sequence, windows, signal, gate, store },
      variants: variantsOf(base, programs, sequence, forms),
      onProgress: (progress) => onEvent({ type: 'progress', progress }),
      onSensitivity: (key, sensitivity) => onEvent({ type: 'sensitivity', key, sensitivity }),
    });
  });
  const among = base.matrices.filter(
    ({ kind, obstacle, tensor }) =>
      obstacle === null && (kind === 'block' || kind === 'other') && !Object.hasOwn(forms, tensor),
  );
  // What several blocks read is written once.
  const distinct = new Map(among.map((matrix) => [matrix.tensor, matrix]));
  const known = [...distinct.values()].filter((matrix) =>
    sensitivities.has(sensitivityKey(matrix)),
  );
  const chosen = mixedForms(
    known.map((matrix) => ({
      tensor: matrix.tensor,
      bytes: (form) => writtenBytes(base, matrix, form),
      sensitivity: sensitivities.get(sensitivityKey(matrix)) ?? 0,
    })),
    settings.bits,
    mixed,
  );
  const beside = base.matrices.filter(({ kind }) => kind === 'embedding' || kind === 'head');
  const fixed = beside.flatMap((matrix) => sensitivities.get(sensitivityKey(matrix)) ?? []);
  const unknown = distinct.size - known.length;
  const notes = [inWords(chosen, known.length, settings.bits)];
  if (settings.method === 'gptq')
    notes.push(
      'Sensitivities are those of rounding to the nearest: GPTQ takes its statistics from a model ' +
        'whose forms are chosen.',
    );
  if (fixed.length > 0)
    notes.push(
      'Embedding and head have the bits that were asked for, whatever the choice, and add ' +
        `${fixed.reduce((sum, one) => sum + one, 0).toPrecision(3)} nats to it.`,
    );
  if (unknown > 0)
    notes.push(
      `What ${unknown} matrices alone cost cannot be measured: no score program reads them.`,
    );
  return { forms: { ...forms, ...chosen.forms }, sensitivities, notes };
}

function inWords({ forms, bytes, predicted }: MixedForms, of: number, bits: 4 | 8): string {
  const upgraded = ([8, 'float'] as const).flatMap((form) => {
    const count = Object.values(forms).filter((one) => one === form).length;
    if (count === 0) return [];
    if (form === 8) return [`${count} ${count === 1 ? 'has' : 'have'} 8 bits`];
    return [count === 1 ? '1 stays as it is' : `${count} stay as they are`];
  });
  const chosen =
    upgraded.length === 0
      ? `Of ${of} matrices none is given more than ${bits} bits.`
      : `Of ${of} matrices the most sensitive keep more: ${upgraded.join(' and ')}, ` +
        `${formatBytes(bytes)} more than all in ${bits} bits.`;
  return (
    `${chosen} What is left of the sensitivities adds up to a predicted loss of ` +
    `${predicted.toPrecision(3)} nats per token.`
  );
}
