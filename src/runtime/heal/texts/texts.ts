// What a healing learns from and is measured on: the texts of its request as token ids.

import type { HealSettings } from '../../../contract/heal.ts';
import { MEASURED, WATCHED } from '../../../contract/healDefaults.ts';
import { EspalierError, throwIfCancelled } from '../../../errors.ts';
import type { HealedMeasure, HealingRecord } from '../../../model/healing/healing.ts';
import type { OpenedModel } from '../../../model/open/open.ts';
import { sha256OfText } from '../../../text/hash.ts';
import type { Tokenizer } from '../../../text/tokenizer.ts';
import { instructionFormat } from '../../../text/training/format.ts';
import { readInstructions } from '../../../text/training/instructions.ts';
import type { Sequence } from '../../../text/training/sequences.ts';
import { learnedWarning } from '../../../text/training/split.ts';
import { unknownWarning } from '../../../text/unknown.ts';
import { resolveBos } from '../../../text/windows.ts';
import { VariantText } from '../../decode/variantText.ts';
import { createYielder } from '../../device/yielder.ts';
import { checkContext, checkVocabulary, tokenIds } from '../../score/calibration.ts';
import type { HealSources } from '../healJob.ts';
import { InstructionMaterial, type Material, spread, TextMaterial } from './material.ts';

/** What a method learns from. */
export interface MethodInput {
  settings: HealSettings;
  /** Of a refit: windows, all of one length. */
  sequences: Sequence[];
  /** Of a training: what it is watched on. */
  watched: Sequence[];
}

/** A text that is measured: sequences of one length. */
export interface MeasuredText extends Pick<HealedMeasure, 'set' | 'name'> {
  sequences: Sequence[];
}

export interface HealTexts {
  record: HealingRecord['text'];
  /** One for each method. */
  inputs: MethodInput[];
  /** Fit, held-out and foreign text, as far as they are there. */
  measured: MeasuredText[];
  /** What became of the texts, in sentences. */
  notes: string[];
  /** What makes numbers doubtful: overlap, tokens that the vocabulary does not have. */
  warnings: string[];
}

/** Rows of a file of instructions. @throws EspalierError `bad-input` for one that is none */
export function countInstructions({ name, text }: { name: string; text: string }): number {
  return readInstructions(name, text).length;
}

/**
 * Reads the texts of a healing.
 * @param methods at least one
 * @throws EspalierError `bad-input` (rows that cannot be read, too short a text, sequences beyond
 *   the model's context), `tokenizer`, `cancelled`
 */
export async function readHealTexts(
  sources: HealSources,
  methods: readonly HealSettings[],
  opened: OpenedModel,
  signal?: AbortSignal,
): Promise<HealTexts> {
  const { summary } = opened;
  for (const { length } of methods) checkContext(length, summary.contextLength);
  const tokens = (await VariantText.load(opened)).instructionTokens();
  const { tokenizer } = tokens;
  const { bos } = resolveBos(null, tokenizer);
  const yieldIfDue = createYielder();
  const between = async (): Promise<void> => {
    await yieldIfDue();
    throwIfCancelled(signal);
  };
  const { text, heldOut: share } = sources;
  const notes: string[] = [];
  const warnings: string[] = [];
  let material: Material;
  if (text.kind === 'instructions') {
    const format = instructionFormat({ ...tokens, bos });
    if (format.note !== null) notes.push(format.note);
    const seed = methods[0]?.seed ?? 0;
    const rows = readInstructions(text.name, text.text);
    material = new InstructionMaterial(rows, { share, seed }, format, between);
  } else {
    const ids = await tokenIds(text.text, tokenizer, signal);
    add(warnings, unknownWarning(ids, tokenizer.unknownId, 'text'));
    material = new TextMaterial(ids, share, bos);
  }

  const inputs: MethodInput[] = [];
  for (const settings of methods) {
    const { length } = settings;
    const cut = await (settings.method === 'refit'
      ? material.refit(settings)
      : material.training(settings));
    if (cut.sequences.length === 0)
      throw new EspalierError(
        'bad-input',
        [`${text.name} gives nothing to learn from.`, ...cut.notes].join(' '),
        'Use longer sequences, or other rows.',
      );
    const isRefit = settings.method === 'refit';
    const watched = isRefit ? [] : (await material.heldOut(length, WATCHED)).sequences;
    notes.push(...cut.notes);
    inputs.push({ settings, sequences: cut.sequences, watched });
  }

  // Measured in the length of the last method: what the healing has come to.
  const length = methods.at(-1)?.length ?? 2;
  const fit = await material.fitSample(length);
  const heldOut = await material.heldOut(length, MEASURED['held-out']);
  notes.push(...fit.notes, ...heldOut.notes);
  const measured: MeasuredText[] = [
    { set: 'fit', name: text.name, sequences: fit.sequences },
    { set: 'held-out', name: text.name, sequences: heldOut.sequences },
  ];
  if (sources.foreign) {
    const { foreign } = sources;
    measured.push({
      set: 'foreign',
      name: foreign.name,
      sequences: await foreignSequences(foreign, tokenizer, { length, bos }, signal),
    });
  }
  const there = measured.filter(({ sequences }) => sequences.length > 0);
  const learned = inputs.flatMap(({ sequences }) => sequences);
  checkVocabulary(
    [...learned, ...there.flatMap(({ sequences }) => sequences)].map(({ ids }) => ids),
    summary,
  );
  for (const { set, name, sequences } of there)
    if (set !== 'fit')
      add(
        warnings,
        learnedWarning(sequences, learned, set === 'foreign' ? name : 'the held-out part'),
      );
  return {
    record: { name: text.name, sha256: await sha256OfText(text.text), tokens: material.tokens },
    inputs,
    measured: there,
    notes: [...new Set(notes)],
    warnings,
  };
}

function add(list: string[], sentence: string | null): void {
  if (sentence !== null) list.push(sentence);
}

/** @throws EspalierError `bad-input` for a text too short for one sequence */
async function foreignSequences(
  { name, text }: { name: string; text: string },
  tokenizer: Tokenizer,
  { length, bos }: { length: number; bos: number | null },
  signal: AbortSignal | undefined,
): Promise<Sequence[]> {
  const ids = await tokenIds(text, tokenizer, signal);
  const sequences = spread(ids, length, bos, MEASURED.foreign);
  if (sequences.length > 0) return sequences;
  throw new EspalierError(
    'bad-input',
    `${name} is too short to be measured on: it has ${ids.length} tokens, one sequence needs ` +
      `${length}.`,
    'Use a longer text or shorter sequences.',
  );
}
