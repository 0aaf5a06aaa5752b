// What the README of an export says of a healing: what was changed, how, on what text, and what was
// measured.

import { code, escapedCell, listed, plainText } from '../export/markdown.ts';
import type { HealedMeasure, Healing, HealingStep } from './healing.ts';

/**
 * One or two sentences: that weights were changed, and what became of quantised ones.
 * @param quantised null where the graph has none
 */
export function healingInWords(
  { record, removed }: Pick<Healing, 'record' | 'removed'>,
  quantised: 'again' | 'float' | null,
): string {
  const done = listed(record.steps.map(({ method }) => METHODS[method].did));
  const blocks = [...new Set(record.steps.flatMap((step) => step.blocks))].sort((a, b) => a - b);
  const where =
    blocks.length > 0
      ? `${blocks.length === 1 ? 'block' : 'blocks'} ${listed(blocks.map(String))}`
      : 'no block';
  const healed =
    `${removed.length > 0 ? 'After the removal, weights' : 'Weights'} of ${where} were ` +
    `${done || 'left as they are'}, on the text ${code(record.text.name)} (see Healing below); ` +
    'all others are those of the source.';
  const measured = record.quantised ?? 'again';
  const other = measured === quantised ? '' : MEASURED[measured];
  return quantised === null ? healed : `${healed} ${KEPT[quantised]}${other}.`;
}

const KEPT = {
  again: 'Changed matrices of few bits are rounded to that form again',
  float: 'Changed matrices of few bits are kept in float',
};

/** What the measured form was, where another one is written. */
const MEASURED = {
  again: '; what was measured of the healing was measured with them rounded to that form',
  float: '; what was measured of the healing was measured with them kept in float',
};

const METHODS: Readonly<Record<HealingStep['method'], { did: string; row: string }>> = {
  refit: { did: 'refitted by least squares', row: 'refit by least squares (no gradient)' },
  lora: { did: 'trained as low-rank adapters (LoRA, merged)', row: 'LoRA, merged' },
  full: { did: 'trained in full', row: 'training of full weights' },
};

const SETS: Readonly<Record<HealedMeasure['set'], string>> = {
  fit: 'what the healing has seen',
  'held-out': 'held-out part, not seen',
  foreign: 'another text, not seen',
};

/** The section of the README. */
export function healingSection({ record }: Pick<Healing, 'record'>): string {
  const { text, steps, measured } = record;
  return [
    '## Healing',
    '',
    `The plan was healed on the text ${code(text.name)} (${text.tokens} tokens` +
      `${text.sha256 ? `, SHA-256 ${code(text.sha256)}` : ''}):`,
    '',
    ...steps.map((step, k) => `${k + 1}. ${stepInWords(step)}`),
    '',
    ...(measured.length > 0 ? measuredTable(measured) : ['Nothing was measured on a text.']),
    '',
    'Losses, seeds and every setting are in `espalier.json` (`steps`).',
  ].join('\n');
}

function stepInWords({ method, settings, losses, kept, blocks, seconds }: HealingStep): string {
  const given = Object.entries(settings)
    .filter(([name]) => name !== 'method')
    .map(([name, value]) => `${plainText(name)} ${plainText(String(value))}`);
  const [first, last] = [losses[0], losses.at(-1)];
  const fell =
    first !== undefined && last !== undefined
      ? `; loss ${number(first)} at first, ${number(last)} in the end` +
        `${kept === null ? '' : `, weights of step ${kept} kept`}`
      : '';
  const where =
    blocks.length === 1 ? `block ${blocks[0]}` : `blocks ${blocks.join(', ') || 'none'}`;
  return (
    `${METHODS[method].row}, ${where}${fell}; ` +
    `${Math.round(seconds)} s. Settings: ${given.join(', ') || 'none'}.`
  );
}

function measuredTable(measured: readonly HealedMeasure[]): string[] {
  const control = measured.some((row) => row.control !== null);
  return [
    'Perplexity, lower is better:',
    '',
    `| text | predictions | original | pruned | healed |${control ? ' original, trained on the same text |' : ''}`,
    `|---|---|---|---|---|${control ? '---|' : ''}`,
    ...measured.map((row) => {
      const cells = [
        `${escapedCell(row.name)} (${SETS[row.set]})`,
        row.predicted,
        ...[row.original, row.pruned, row.healed].map((nll) => number(Math.exp(nll))),
        ...(control ? [row.control === null ? 'not measured' : number(Math.exp(row.control))] : []),
      ];
      return `| ${cells.join(' | ')} |`;
    }),
    ...(control
      ? [
          '',
          'Training on a text lowers the perplexity of its kin without any pruning: the last ' +
            'column, the original trained on the same text to predict the next token, says by ' +
            'how much.',
        ]
      : []),
  ];
}

const number = (value: number): string =>
  Number.isFinite(value) ? String(Number(value.toPrecision(4))) : 'not a finite number';
