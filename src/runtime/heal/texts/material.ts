// What one text gives a healing: sequences to learn from and to be measured on, without regard to
// whether it is prose or instructions.

import { xoshiro128 } from '../../../analysis/random.ts';
import type { RefitSettings, TrainSettings } from '../../../contract/heal.ts';
import { MEASURED } from '../../../contract/healDefaults.ts';
import { EspalierError } from '../../../errors.ts';
import type { InstructionFormat } from '../../../text/training/format.ts';
import { instructionSequences } from '../../../text/training/instructionSequences.ts';
import type { Instruction } from '../../../text/training/instructions.ts';
import {
  contentLength,
  padSequence,
  type Sequence,
  textSequences,
  wholeSequence,
} from '../../../text/training/sequences.ts';
import { evenly, splitIds, splitRows } from '../../../text/training/split.ts';
import { sampleWindows } from '../../../text/windows.ts';

/** Sequences, and what is to be said of them. */
export interface Cut {
  sequences: Sequence[];
  notes: string[];
}

export interface Material {
  /** Tokens of the whole text; of instructions, those that were written so far. */
  readonly tokens: number;
  /**
   * Sequences of a training, at most as many as its steps take. @throws EspalierError `bad-input`
   */
  training(settings: TrainSettings): Promise<Cut>;
  /** Windows of a refit, all of one length. @throws EspalierError `bad-input` */
  refit(settings: RefitSettings): Promise<Cut>;
  /** A sample of what the healing sees, padded to one length. */
  fitSample(length: number): Promise<Cut>;
  /** At most `most` sequences that it does not see, padded to one length; none may be there. */
  heldOut(length: number, most: number): Promise<Cut>;
}

/** Prose: the end of it is held out. */
export class TextMaterial implements Material {
  readonly tokens: number;
  private readonly fit: number[];
  private readonly rest: number[];
  private readonly bos: number | null;

  /** @param share that is held out */
  constructor(ids: readonly number[], share: number, bos: number | null) {
    this.tokens = ids.length;
    const { fit, heldOut } = splitIds(ids, share);
    this.fit = fit;
    this.rest = heldOut;
    this.bos = bos;
  }

  async training(settings: TrainSettings): Promise<Cut> {
    const { bos } = this;
    this.requireOne(settings.length);
    const all = textSequences({ ids: this.fit, length: settings.length, bos });
    return { sequences: needed(all, settings), notes: [] };
  }

  async refit({ samples, length, sampler, seed }: RefitSettings): Promise<Cut> {
    const { fit: ids, bos } = this;
    this.requireOne(length);
    if (samples === null) return { sequences: textSequences({ ids, length, bos }), notes: [] };
    const random = xoshiro128(seed);
    const { windows, notes } = sampleWindows({ ids, samples, length, sampler, random, bos });
    return { sequences: windows.map(wholeSequence), notes };
  }

  /** @throws EspalierError `bad-input` where so much is held out that no sequence is left */
  private requireOne(length: number): void {
    const needs = contentLength(length, this.bos);
    if (this.fit.length >= needs || this.tokens < needs) return;
    throw new EspalierError(
      'bad-input',
      `Of the ${this.tokens} tokens of the text, ${this.rest.length} are held out: what is left ` +
        `to learn from, ${this.fit.length}, is less than the ${needs} of one sequence.`,
      'Hold out less, or use a longer text or shorter sequences.',
    );
  }

  async fitSample(length: number): Promise<Cut> {
    return { sequences: spread(this.fit, length, this.bos, MEASURED.fit), notes: [] };
  }

  async heldOut(length: number, most: number): Promise<Cut> {
    const sequences = spread(this.rest, length, this.bos, most);
    if (sequences.length > 0 || this.rest.length === 0) return { sequences, notes: [] };
    const short =
      `The held-out part of the text has ${this.rest.length} tokens, too few for a sequence of ` +
      `${length}: nothing is measured on it.`;
    return { sequences, notes: [short] };
  }
}

/** Instructions: rows drawn by a seed are held out. */
export class InstructionMaterial implements Material {
  tokens = 0;
  private readonly fit: Instruction[];
  private readonly rest: Instruction[];
  private readonly format: InstructionFormat;
  private readonly between: () => Promise<void>;

  /**
   * @param share of the rows that is held out
   * @param between awaited before each row: yields, and throws when cancelled
   */
  constructor(
    rows: readonly Instruction[],
    { share, seed }: { share: number; seed: number },
    format: InstructionFormat,
    between: () => Promise<void>,
  ) {
    const { fit, heldOut } = splitRows(rows, share, xoshiro128(seed));
    this.fit = fit;
    this.rest = heldOut;
    this.format = format;
    this.between = between;
  }

  async training(settings: TrainSettings): Promise<Cut> {
    return this.write(needed(this.fit, settings), settings.length);
  }

  /** Rows one behind the other, prompts included: a refit is of every token. */
  async refit({ samples, length, sampler, seed }: RefitSettings): Promise<Cut> {
    const rows = samples === null ? this.fit : evenly(this.fit, samples * ROWS_PER_WINDOW);
    const { sequences, notes } = await this.write(rows, Number.MAX_SAFE_INTEGER);
    if (sequences.length === 0) return { sequences, notes };
    const ids = sequences.flatMap((sequence) => sequence.ids);
    if (samples === null) return { sequences: textSequences({ ids, length, bos: null }), notes };
    const random = xoshiro128(seed);
    const found = sampleWindows({ ids, samples, length, sampler, random, bos: null });
    return { sequences: found.windows.map(wholeSequence), notes: [...notes, ...found.notes] };
  }

  async fitSample(length: number): Promise<Cut> {
    return this.padded(evenly(this.fit, MEASURED.fit), length, 'seen');
  }

  async heldOut(length: number, most: number): Promise<Cut> {
    return this.padded(evenly(this.rest, most), length, 'held-out');
  }

  private async padded(
    rows: readonly Instruction[],
    length: number,
    which: 'seen' | 'held-out',
  ): Promise<Cut> {
    const { sequences } = await this.write(rows, length);
    if (sequences.length === 0 && rows.length > 0) {
      const none =
        `The ${which} rows that were drawn have no answer within ${length} tokens: nothing is ` +
        'measured on them. Use longer sequences.';
      return { sequences, notes: [none] };
    }
    const longest = Math.max(2, ...sequences.map(({ ids }) => ids.length));
    return { sequences: sequences.map((one) => padSequence(one, longest)), notes: [] };
  }

  private async write(rows: readonly Instruction[], length: number): Promise<Cut> {
    const { between, format } = this;
    const { sequences, notes } = await instructionSequences(rows, format, length, between);
    this.tokens += sequences.reduce((sum, { ids }) => sum + ids.length, 0);
    return { sequences, notes };
  }
}

/** A row of instructions has more than a quarter of a window as a rule. */
const ROWS_PER_WINDOW = 4;

/** What the steps of a training take of a list: its beginning, or a sample drawn by the seed. */
function needed<T>(all: readonly T[], { steps, batch, order, seed }: TrainSettings): T[] {
  const most = steps * batch;
  if (all.length <= most) return [...all];
  if (order === 'given') return all.slice(0, most);
  return splitRows(all, most / all.length, xoshiro128(seed)).heldOut;
}

/**
 * At most `most` sequences of a text, evenly spaced, that share no token; none where it is short.
 */
export function spread(
  ids: readonly number[],
  length: number,
  bos: number | null,
  most: number,
): Sequence[] {
  const samples = Math.min(most, Math.floor(ids.length / contentLength(length, bos)));
  if (samples === 0) return [];
  const random = (): number => 0;
  const { windows } = sampleWindows({ ids, samples, length, sampler: 'even', random, bos });
  return windows.map(wholeSequence);
}
