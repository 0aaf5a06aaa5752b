// Instructions as training sequences: the loss is on the answers alone.

import type { InstructionFormat } from './format.ts';
import type { Instruction } from './instructions.ts';
import { contentLength, type Sequence } from './sequences.ts';

export interface InstructionSequences {
  /** At most `length` tokens each; as long as the row is. */
  sequences: Sequence[];
  /** Rows that became shorter. */
  cut: number;
  /** Rows of which no answer was left within `length` tokens, or that have none. */
  dropped: number;
  /** What happened to rows, in sentences. */
  notes: string[];
}

/**
 * Writes rows in a format and cuts them to `length` tokens. A token counts where it belongs to an
 * answer, with what ends the answer; one that holds the end of the prompt and the beginning of the
 * answer counts.
 * @param between awaited before every row with the rows done: the place to yield, and to throw when
 *   cancelled
 * @throws EspalierError `bad-input` for a row that the chat template refuses
 */
export async function instructionSequences(
  rows: readonly Instruction[],
  format: InstructionFormat,
  length: number,
  between: (done: number, total: number) => Promise<void>,
): Promise<InstructionSequences> {
  contentLength(length, null);
  const sequences: Sequence[] = [];
  let cut = 0;
  let dropped = 0;
  let unclear = 0;
  let empty = 0;
  for (const [k, row] of rows.entries()) {
    await between(k, rows.length);
    if (row.messages.at(-1)?.content.trim() === '') {
      empty++;
      continue;
    }
    const whole = sequenceOf(row, format);
    if (whole === null) unclear++;
    else {
      const { ids, weights } = whole;
      const sequence = { ids: ids.slice(0, length), weights: weights.slice(0, length - 1) };
      if (!sequence.weights.some((weight) => weight > 0)) dropped++;
      else {
        if (ids.length > length) cut++;
        sequences.push(sequence);
      }
    }
  }
  const notes = [
    rowsDid(cut, rows.length, `longer than ${length} tokens, and cut`),
    rowsDid(dropped, rows.length, `left out: no answer is left within ${length} tokens`),
    rowsDid(empty, rows.length, 'left out: the answer is empty'),
    rowsDid(unclear, rows.length, 'left out: the chat template hides where the answer begins'),
  ].filter((sentence) => sentence !== null);
  return { sequences, cut, dropped: dropped + empty + unclear, notes };
}

function rowsDid(number: number, of: number, what: string): string | null {
  if (number === 0) return null;
  return `${number} of ${of} rows ${number === 1 ? 'is' : 'are'} ${what}.`;
}

function sequenceOf(row: Instruction, format: InstructionFormat): Sequence | null {
  const written = format.write(row);
  if (written === null) return null;
  const ids = format.encode(written.text);
  const textTokens = ids.length;
  if (format.end !== null) ids.push(format.end);
  if (ids.length < 2) return null;
  const weights = new Float32Array(ids.length - 1);
  const place = (at: number): number =>
    at === written.text.length
      ? textTokens
      : sharedCount(format.encode(written.text.slice(0, at)), ids);
  for (const [from, to] of written.answers) {
    const last = to === written.text.length ? ids.length : place(to);
    for (let at = Math.max(1, place(from)); at < last; at++) weights[at - 1] = 1;
  }
  return { ids, weights };
}

/** How many token ids two lists share at their beginning. */
function sharedCount(a: readonly number[], b: readonly number[]): number {
  const end = Math.min(a.length, b.length);
  let at = 0;
  while (at < end && a[at] === b[at]) at++;
  return at;
}
