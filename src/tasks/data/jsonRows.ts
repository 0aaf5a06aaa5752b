// Rows out of JSON: one in each line, or all of them in a list.

import { EspalierError } from '../../errors.ts';
import { boundsProblem, isJsonObject } from '../../json.ts';
import { jsonFault } from '../../jsonFault.ts';
import { rowFault } from './faults.ts';
import type { FileRow } from './fields.ts';
import type { TaskFile } from './file.ts';
import { linesOf } from './lines.ts';

/** Most bytes of a list of rows, which is parsed at once; lines may be as many as they like. */
const MAX_LIST_BYTES = 128 * 2 ** 20;

/** @throws EspalierError `bad-input` for a line that is no JSON object, naming it */
export async function* rowsOfLines(file: TaskFile): AsyncGenerator<FileRow[]> {
  for await (const lines of linesOf(file))
    yield lines.map(({ number, text }) => {
      const at = { file: file.path, row: `line ${number}` };
      const value = parsed(text);
      if (value instanceof Error) throw rowFault(at, value.message);
      if (!isJsonObject(value)) throw rowFault(at, 'the line is not a JSON object');
      return { fields: value, at };
    });
}

/** @throws EspalierError `bad-input` for a file that is no list of objects */
export async function rowsOfList(file: TaskFile): Promise<FileRow[]> {
  const refused = (problem: string): EspalierError =>
    new EspalierError('bad-input', `${file.path}: ${problem}.`, 'Write one row in each line.');
  if (file.size > MAX_LIST_BYTES)
    throw refused(`a list of rows may have at most ${MAX_LIST_BYTES} bytes, not ${file.size}`);
  const parts: string[] = [];
  for await (const lines of linesOf(file)) for (const { text } of lines) parts.push(text);
  const value = parsed(parts.join('\n'));
  if (value instanceof Error) throw refused(value.message);
  if (!Array.isArray(value)) throw refused('the file is not a list');
  return value.map((fields: unknown, k) => {
    const at = { file: file.path, row: `row ${k + 1}` };
    if (!isJsonObject(fields)) throw rowFault(at, 'the row is not a JSON object');
    return { fields, at };
  });
}

/** The value of a JSON text, or the problem as the end of a sentence. */
export function parsed(text: string): unknown {
  const problem = boundsProblem(text, MAX_LIST_BYTES);
  if (problem !== null) return new Error(`the JSON ${problem}`);
  try {
    return JSON.parse(text);
  } catch {
    const fault = jsonFault(text);
    const where = fault ? ` (character ${fault.column})` : '';
    return new Error(`this is not valid JSON${where}`);
  }
}
