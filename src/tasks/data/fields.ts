// Reads the fields of a row, with errors that name them.

import { isJsonObject, type JsonObject } from '../../json.ts';
import { type Place, quoted, rowFault } from './faults.ts';

/** A row of a file: its fields, and where it stands. */
export interface FileRow {
  fields: JsonObject;
  at: Place;
}

/** A string without halves of letters, which no tokenizer takes as they are. */
const isText = (value: unknown): value is string =>
  typeof value === 'string' && !/\p{Surrogate}/u.test(value);

export function textOf({ fields, at }: FileRow, name: string): string {
  const value = fields[name];
  if (!isText(value)) throw rowFault(at, `"${name}" must be a text, not ${quoted(value)}`);
  return value;
}

/** A list of at least two texts. */
export function textsOf({ fields, at }: FileRow, name: string): string[] {
  const value = fields[name];
  if (!Array.isArray(value) || value.length < 2 || !value.every(isText))
    throw rowFault(at, `"${name}" must be a list of at least two texts, not ${quoted(value)}`);
  return value;
}

/** An object inside a row, as a row of its own. */
export function partOf({ fields, at }: FileRow, name: string): FileRow {
  const value = fields[name];
  if (!isJsonObject(value)) throw rowFault(at, `"${name}" must be an object, not ${quoted(value)}`);
  return { fields: value, at };
}

/** Choices with a label each: two lists, or a list of pairs. */
export function labelledChoices(row: FileRow): { texts: string[]; labels: string[] } {
  const { at } = row;
  const value = row.fields.choices;
  const lists = Array.isArray(value)
    ? { text: pick(value, 'text'), label: pick(value, 'label') }
    : partOf(row, 'choices').fields;
  const texts = textsOf({ fields: lists, at }, 'text');
  const labels = textsOf({ fields: lists, at }, 'label');
  if (texts.length !== labels.length)
    throw rowFault(at, `there are ${texts.length} choices, but ${labels.length} labels`);
  return { texts, labels };
}

const pick = (pairs: readonly unknown[], name: string): unknown[] =>
  pairs.map((pair) => (isJsonObject(pair) ? pair[name] : undefined));

/** True for what test files have in the place of an answer: nothing, an empty text, or -1. */
export function isHidden(value: unknown): boolean {
  return value === undefined || value === null || value === '' || value === -1 || value === '-1';
}

/**
 * A whole number from `from` on that names one of `count` choices, as index from 0; null where it
 * is hidden.
 */
export function numbered(row: FileRow, name: string, from: number, count: number): number | null {
  const value = row.fields[name];
  if (isHidden(value)) return null;
  const number = typeof value === 'string' && /^\s*\d+\s*$/.test(value) ? Number(value) : value;
  const index = Number(number) - from;
  if (typeof number !== 'number' || !(index >= 0 && index < count) || !Number.isInteger(index))
    throw rowFault(
      row.at,
      `"${name}" must be a number from ${from} to ${from + count - 1}, not ${quoted(value)}`,
    );
  return index;
}

/** The choice whose label is in a field, spaces around it apart; null where it is hidden. */
export function lettered(row: FileRow, name: string, labels: readonly string[]): number | null {
  const value = row.fields[name];
  if (isHidden(value)) return null;
  const label = typeof value === 'number' ? String(value) : value;
  const index = typeof label === 'string' ? labels.indexOf(label.trim()) : -1;
  if (index < 0)
    throw rowFault(
      row.at,
      `"${name}" is ${quoted(value)}, but the labels are ${labels.join(', ')}`,
    );
  return index;
}
