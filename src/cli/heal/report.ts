// What `heal` reports: numbers in words for standard error, and the JSON.

import { perplexity, pplWords } from '../../analysis/perplexity.ts';
import type { HealResult, HealSettings } from '../../contract/heal.ts';
import { type HealedMeasure, healingBytes } from '../../model/healing/healing.ts';
import { changesByWeight } from '../../model/healing/storedWeights.ts';
import type { TextForms } from '../../runtime/heal/outcome/forms.ts';
import { recordedSettings } from '../../runtime/heal/outcome/outcome.ts';
import { formatUnits } from '../../units.ts';
import type { Written } from '../export/write.ts';
import { megabytes } from '../output.ts';

const SETS: Readonly<Record<HealedMeasure['set'], string>> = {
  fit: 'sample of the text',
  'held-out': 'held-out part',
  foreign: 'other text',
};

/** The original beside a healed plan, in words. */
const CONTROL = 'the original, trained on the same text to predict the next token,';

/** Why the control is none towards the original. */
const WHY_NEXT_TOKEN =
  'The original is its own teacher and learns nothing from KL to itself; so its training shows ' +
  'what the text does to any model.';

/** In words, a line each. */
export function linesOf(
  { measured, recovered, warnings, stoppedAt, healing, seconds }: HealResult,
  settings: readonly HealSettings[],
): string[] {
  const how = settings.map(({ method }) => method).join(', then ');
  const towardsOriginal = settings.some((one) => one.method !== 'refit' && one.kl > 0);
  const lines = measured.map(({ set, name, predicted, original, pruned, control, healed }) => {
    const ppl = (nll: number): string => pplWords(perplexity(nll), 5);
    const beside = control === null ? '' : `; ${CONTROL} ${ppl(control)}`;
    return (
      `${SETS[set]} (${name}, ${predicted} predictions): PPL original ${ppl(original)}, ` +
      `pruned ${ppl(pruned)}, healed ${ppl(healed)}${beside}`
    );
  });
  // A refit and a training may change the same one.
  const share =
    recovered === null || recovered < 0
      ? ''
      : `, ${(recovered * 100).toFixed(0)} % of the lost NLL brought back`;
  const changed = changesByWeight(healing.changes).length;
  return [
    ...warnings,
    ...(stoppedAt === null ? [] : [`Stopped after ${counted(stoppedAt, 'step')}.`]),
    `without ${formatUnits(healing.removed)}, by ${how}: ` +
      `${counted(changed, 'weight')} changed (${megabytes(healingBytes(healing))}) in ` +
      `${seconds.toFixed(0)} s${share}`,
    ...lines,
    ...(towardsOriginal && measured.some(({ control }) => control !== null)
      ? [WHY_NEXT_TOKEN]
      : []),
  ];
}

/** "1 step", "3 steps". */
const counted = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? '' : 's'}`;
/** What rounding changed matrices to few bits again costs, in words, a line for each text. */
export function formLines(forms: readonly TextForms[]): string[] {
  return forms.map(({ set, name, again, float }) => {
    const ppl = (nll: number): string => pplWords(perplexity(nll), 5);
    const lost = again - float;
    const change = `${lost < 0 ? '' : '+'}${lost.toFixed(4)} nats per token`;
    return (
      `${SETS[set]} (${name}): changed matrices quantised again PPL ${ppl(again)}, ` +
      `kept as floats ${ppl(float)}; quantising again changes the NLL by ${change}`
    );
  });
}

/** The result without its weights, with perplexities beside NLLs. */
export function reportOf(
  { healing, measured, ...rest }: HealResult,
  settings: readonly HealSettings[],
  runtime: string,
  written: Written | null,
  forms: readonly TextForms[] | null = null,
) {
  const { id, removed, changes, record } = healing;
  return {
    removed,
    methods: settings.map((one) => ({ method: one.method, ...recordedSettings(one) })),
    ...rest,
    measured: measured.map((row) => ({
      ...row,
      ppl: {
        original: perplexity(row.original),
        pruned: perplexity(row.pruned),
        control: row.control === null ? null : perplexity(row.control),
        healed: perplexity(row.healed),
      },
    })),
    healing: {
      id,
      bytes: healingBytes(healing),
      changes: changes.map(({ tensor, block, kind }) => ({ tensor, block, kind })),
      text: record.text,
      ...(record.quantised && { quantised: record.quantised }),
      ...(record.control && { control: record.control }),
      steps: record.steps,
    },
    ...(forms && {
      forms: forms.map((row) => ({
        ...row,
        ppl: { again: perplexity(row.again), float: perplexity(row.float) },
      })),
    }),
    runtime,
    ...(written ? { written } : {}),
  };
}
