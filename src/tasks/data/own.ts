// The answer of a row in our own format: an index, a letter, or the text of a choice.

import { quoted, rowFault } from './faults.ts';
import { type FileRow, isHidden } from './fields.ts';

/**
 * Index of the right choice: a number is an index from 0, a text is a choice or its letter, from A
 * on. null where there is none.
 * @throws EspalierError `bad-input` for what names no choice, or may name two
 */
export function ownAnswer(row: FileRow, choices: readonly string[]): number | null {
  const { answer } = row.fields;
  if (isHidden(answer)) return null;
  const found = typeof answer === 'string' ? byText(answer, choices) : byIndex(answer, choices);
  const [index, other] = found;
  if (index === undefined)
    throw rowFault(
      row.at,
      `"answer" is ${quoted(answer)}, which is no index from 0 to ${choices.length - 1}, no ` +
        'letter and no text of a choice',
    );
  if (other !== undefined)
    throw rowFault(
      row.at,
      `"answer" is ${quoted(answer)}, which may be choice ${index} or choice ${other}, counted ` +
        'from 0; give the number',
    );
  return index;
}

function byIndex(answer: unknown, choices: readonly string[]): number[] {
  const isIndex = typeof answer === 'number' && Number.isInteger(answer) && answer >= 0;
  return isIndex && answer < choices.length ? [answer] : [];
}

/** Every choice that a text may mean. */
function byText(answer: string, choices: readonly string[]): number[] {
  const meant = choices.flatMap((choice, index) => (choice === answer ? [index] : []));
  const letter = answer.trim();
  if (/^[A-Za-z]$/.test(letter)) {
    const index = letter.toUpperCase().charCodeAt(0) - 65;
    if (index < choices.length && !meant.includes(index)) meant.push(index);
  }
  return meant;
}
