// What quantising reports: numbers in words for standard error, and the JSON.

import { perplexity, pplWords } from '../../analysis/perplexity.ts';
import type { MatrixReport, QuantiseResult } from '../../contract/quantise.ts';
import { lossParts } from '../../model/quantise/lossParts.ts';
import type { QuantisedMeasure } from '../../model/quantise/quantisation.ts';
import { megabytes } from '../output.ts';

const SETS: Readonly<Record<QuantisedMeasure['set'], string>> = {
  windows: 'calibration windows',
  'held-out': 'held-out text',
};

/** In words, a line each. */
export function quantiseLines(result: QuantiseResult): string[] {
  const { dtype, measured, matrices, seconds } = result;
  const lines = measured.map(
    (row) =>
      `${dtype}, ${SETS[row.set]} (${row.name}, ${row.predicted} predictions): ${partsOf(row)}`,
  );
  if (measured.length === 0)
    lines.push(`${dtype} was not measured: give --text or --evaluate to see what it loses.`);
  return [`${dtype}: ${formsInWords(matrices)} in ${seconds.toFixed(0)} s`, ...lines];
}

/** "PPL original 41.3, pruned 49.2 (+0.1762 nats), quantised 49.9 (+0.0140; KL ..., ...)". */
function partsOf(measure: QuantisedMeasure): string {
  const ppl = (nll: number): string => pplWords(perplexity(nll), 5);
  const parts = lossParts(measure).map(({ stage, part, costs }) => {
    const { nll, klDivergence, top1Agreement } = part;
    const details = [
      ...(Number.isFinite(costs) ? [`${costs < 0 ? '' : '+'}${costs.toFixed(4)} nats`] : []),
      ...(klDivergence === null || !Number.isFinite(klDivergence)
        ? []
        : [`KL from the original ${klDivergence.toPrecision(3)}`]),
      ...(top1Agreement === null
        ? []
        : [`most likely token the same at ${(top1Agreement * 100).toFixed(1)} %`]),
    ];
    return `${stage} ${ppl(nll)}${details.length > 0 ? ` (${details.join(', ')})` : ''}`;
  });
  const { nll } = measure.original;
  // An original without numbers is nowhere on the scale.
  const original = Number.isFinite(nll) ? ppl(nll) : 'gives no numbers';
  return [`PPL original ${original}`, ...parts].join(', ');
}

/** "of 82 matrices 75 in 4 bits, 5 in 8 bits, 2 as they are; 11.0 MB become 2.1 MB". */
function formsInWords(matrices: readonly MatrixReport[]): string {
  const count = (form: MatrixReport['form']): number =>
    matrices.filter((matrix) => matrix.form === form).length;
  const counts = ([4, 8] as const).flatMap((bits) =>
    count(bits) > 0 ? [`${count(bits)} in ${bits} bits`] : [],
  );
  const floats = count('float');
  if (floats > 0) counts.push(floats === 1 ? '1 as it is' : `${floats} as they are`);
  // A table that is head and embedding in the same form is written once, and stored once anyway.
  const few = matrices.filter(({ form }) => form !== 'float');
  const once = (key: (matrix: MatrixReport) => string, of: (matrix: MatrixReport) => number) => [
    ...new Map(few.map((matrix) => [key(matrix), of(matrix)])).values(),
  ];
  const sum = (sizes: readonly number[]): string =>
    megabytes(sizes.reduce((total, size) => total + size, 0));
  const stored = once(
    ({ tensor }) => tensor,
    (matrix) => matrix.storedBytes,
  );
  const written = once(
    ({ tensor, form }) => `${form} ${tensor}`,
    (matrix) => matrix.writtenBytes,
  );
  return (
    `of ${matrices.length} matrices ${counts.join(', ')}; ` +
    `${sum(stored)} become ${sum(written)}`
  );
}

/** The result without what GPTQ computed, with perplexities beside NLLs. */
export function quantiseReport({ quantisation, measured, ...rest }: QuantiseResult) {
  const { id, removed, healing, settings, forms, computed, record } = quantisation;
  const withPpl = <Part extends { nll: number } | null, Windows>(
    part: Part,
    nllPerWindow: Windows,
  ) => part && { ...part, ppl: perplexity(part.nll), nllPerWindow };
  return {
    ...rest,
    quantisation: {
      ...{ id, removed, healing, settings, forms },
      computed: computed.map(({ tensor, block }) => ({ tensor, block })),
      text: record.text,
      mixed: record.mixed,
    },
    measured: measured.map(({ nllPerWindow, ...row }) => ({
      ...row,
      original: withPpl(row.original, nllPerWindow.original),
      pruned: withPpl(row.pruned, nllPerWindow.pruned),
      healed: withPpl(row.healed, nllPerWindow.healed),
      quantised: withPpl(row.quantised, nllPerWindow.quantised),
    })),
  };
}
