// What the README of an export says of a quantisation: which matrices, how, and what was measured.

import { code, escapedCell, listed } from '../export/markdown.ts';
import type {
  MixedChoice,
  Quantisation,
  QuantisedDtype,
  QuantisedMeasure,
  QuantisedPart,
  QuantiseMethod,
  QuantiseSettings,
  TableForm,
} from './quantisation.ts';

const METHODS: Readonly<Record<QuantiseMethod, string>> = {
  rtn: 'rounded to the nearest (RTN)',
  hqq: 'rounded with half-quadratic zero points (HQQ)',
  gptq: 'rounded column by column, each error made up for in the columns after it (GPTQ)',
};

/** Two or three sentences: which matrices have how many bits. */
export function quantisationInWords(
  { settings, forms, record }: Pick<Quantisation, 'settings' | 'forms' | 'record'>,
  dtype: QuantisedDtype,
): string {
  const { bits, block, method } = settings;
  const text = record.text ? `, on the text ${code(record.text.name)}` : '';
  const kept = Object.values(forms).filter((form) => form !== bits).length;
  const mixed = kept > 0 ? ` (but for ${kept} of them, see Quantisation below)` : '';
  return (
    `The matrices of the blocks have ${bits} bits${mixed}, ${METHODS[method]} in blocks of ` +
    `${block}${text}. ${tables(settings)}` +
    `${dtype === 'q4f16' ? ' What is quantised is rounded once, not to float16 first.' : ''}`
  );
}

function tables({ embedding, head }: QuantiseSettings): string {
  if (embedding === head && head === 'keep') return 'The embedding and the head are not quantised.';
  if (embedding === head) return `The embedding and the head have ${head} bits.`;
  const one = (form: TableForm): string =>
    form === 'keep' ? 'is not quantised' : `has ${form} bits`;
  return `The embedding ${one(embedding)}, the head ${one(head)}.`;
}

const tableInWords = (form: TableForm): string =>
  form === 'keep' ? 'not quantised' : `${form} bits`;

/** The section of the README; a folder of several precisions has one for each. */
export function quantisationSection(
  { settings, forms, record }: Pick<Quantisation, 'settings' | 'forms' | 'record'>,
  dtype: QuantisedDtype,
): string {
  const { text, mixed, measured } = record;
  const rows = Object.entries(forms).filter(([, form]) => form !== settings.bits);
  return [
    `## Quantisation: ${dtype}`,
    '',
    `* method: ${METHODS[settings.method]}${details(settings)}`,
    `* bits: ${settings.bits}; inputs that share a scale: ${settings.block}`,
    `* embedding: ${tableInWords(settings.embedding)}; head: ${tableInWords(settings.head)}`,
    `* accuracy level of MatMulNBits: ${settings.accuracyLevel}` +
      `${settings.accuracyLevel === 4 ? ' (activations are rounded to 8 bits)' : ''}`,
    ...(text
      ? [
          `* text of the statistics: ${code(text.name)}, ${text.windows} windows, ${text.tokens} ` +
            `tokens${text.sha256 ? `, SHA-256 ${code(text.sha256)}` : ''}`,
        ]
      : []),
    ...(rows.length > 0
      ? [
          '',
          `Matrices in another form${mixed ? `, ${mixedInWords(mixed)}` : ''}:`,
          '',
          '| matrix | form |',
          '|---|---|',
          ...rows.map(
            ([name, form]) =>
              `| ${escapedCell(name)} | ${form === 'float' ? 'not quantised' : `${form} bits`} |`,
          ),
        ]
      : []),
    '',
    ...(measured.length > 0 ? measuredTable(measured) : ['Nothing was measured on a text.']),
    '',
    'Every setting and figure is in `espalier.json`.',
  ].join('\n');
}

function details({ method, symmetric, floatZeros }: QuantiseSettings): string {
  if (method === 'rtn') return symmetric ? ', symmetric' : ', with zero points';
  if (method === 'hqq') return floatZeros ? ', kept as floats' : ', rounded to integers';
  return ', with zero points';
}

const mixedInWords = (mixed: MixedChoice): string =>
  mixed.kind === 'bytes'
    ? `the most sensitive ones for ${mixed.bytes} bytes more`
    : `until at most ${mixed.nats} nats of predicted divergence are left`;

const SETS: Readonly<Record<QuantisedMeasure['set'], string>> = {
  windows: 'calibration windows',
  'held-out': 'held-out text',
};

/** A row for each text: the perplexity after each part of what was done. */
function measuredTable(measured: readonly QuantisedMeasure[]): string[] {
  const parts = (['pruned', 'healed', 'quantised'] as const).filter((part) =>
    measured.some((row) => row[part] !== null),
  );
  return [
    'Perplexity after each step, lower is better; in brackets the KL divergence from the ' +
      'original in nats per token, and how often both find the same token most likely:',
    '',
    `| text | predictions | original | ${parts.join(' | ')} |`,
    `|---|---|---|${parts.map(() => '---|').join('')}`,
    ...measured.map((row) => {
      const cells = [
        `${escapedCell(row.name)} (${SETS[row.set]})`,
        row.predicted,
        number(Math.exp(row.original.nll)),
        ...parts.map((part) => partInWords(row[part])),
      ];
      return `| ${cells.join(' | ')} |`;
    }),
  ];
}

function partInWords(part: QuantisedPart | null): string {
  if (!part) return 'as before';
  const { klDivergence, top1Agreement } = part;
  const against = [
    ...(klDivergence === null ? [] : [`KL ${number(klDivergence)}`]),
    ...(top1Agreement === null ? [] : [`${number(top1Agreement * 100)} %`]),
  ];
  return `${number(Math.exp(part.nll))}${against.length > 0 ? ` (${listed(against)})` : ''}`;
}

const number = (value: number): string =>
  Number.isFinite(value) ? String(Number(value.toPrecision(4))) : 'not a finite number';
