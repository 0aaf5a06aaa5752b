// What a file is, told by its first bytes and by the names of its fields.

import { EspalierError } from '../../errors.ts';
import { isJsonObject } from '../../json.ts';
import type { FileRow } from './fields.ts';
import type { TaskFile } from './file.ts';
import { type Form, formOf } from './forms.ts';
import { parsed, rowsOfLines, rowsOfList } from './jsonRows.ts';
import { linesOf } from './lines.ts';
import { openParquet } from './parquet.ts';

/** A file that holds rows of a task. */
export interface Recognised {
  file: TaskFile;
  form: Form;
  /** The id of one of its rows, '' where there is none. */
  id: string;
  rows(): AsyncGenerator<FileRow[]>;
}

/** Most bytes at the beginning of a file that are looked at. */
const HEAD_BYTES = 256 * 2 ** 10;

/** What begins with other bytes, in words. */
const MAGIC: readonly (readonly [bytes: readonly number[], why: string])[] = [
  [[0x1f, 0x8b], 'It is compressed: unpack it first.'],
  [[0x50, 0x4b, 0x03, 0x04], 'It is an archive: unpack it first.'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'It is compressed: unpack it first.'],
  [[0xff, 0xfe], 'It is a text in UTF-16: save it as UTF-8.'],
  [[0xfe, 0xff], 'It is a text in UTF-16: save it as UTF-8.'],
];

const NO_ROWS = 'It holds no rows of a task.';

/**
 * A file's form, or why it is ignored, as a sentence.
 * @throws EspalierError `bad-input` for a Parquet file that cannot be read
 */
export async function sniff(file: TaskFile): Promise<Recognised | string> {
  const head = await file.read(0, Math.min(file.size, HEAD_BYTES));
  if (head.length === 0) return 'It is empty.';
  const magic = MAGIC.find(([bytes]) => bytes.every((byte, k) => head[k] === byte));
  if (magic) return magic[1];
  if ([0x50, 0x41, 0x52, 0x31].every((byte, k) => head[k] === byte)) return sniffParquet(file);
  const text = new TextDecoder().decode(head).trimStart();
  if (/^\[\s*\{/.test(text)) return sniffList(file);
  if (!text.includes('{')) return NO_ROWS;
  // The last line may be cut off.
  const lines = text.split('\n').slice(0, head.length < file.size ? -1 : undefined);
  if (lines.length === 0) {
    const first = await firstLine(file);
    if (first instanceof EspalierError) return first.message;
    lines.push(first);
  }
  const values = lines.map((line) => (line.trim() === '' ? null : parsed(line)));
  const found = formOfRows(values);
  if (typeof found !== 'string') return { file, ...found, rows: () => rowsOfLines(file) };
  const broken = values.findIndex((value) => value instanceof Error);
  const isLines = /\.(jsonl|ndjson)$/i.test(file.path);
  return broken >= 0 && isLines ? `Line ${broken + 1} is not valid JSON.` : found;
}

/** The first line, or why it cannot be read. */
async function firstLine(file: TaskFile): Promise<string | EspalierError> {
  try {
    for await (const [line] of linesOf(file)) if (line) return line.text;
    return '';
  } catch (error) {
    if (error instanceof EspalierError) return error;
    throw error;
  }
}

async function sniffParquet(file: TaskFile): Promise<Recognised | string> {
  const parquet = await openParquet(file);
  const form = formOf(parquet.names);
  if (!form) return unknownFields(parquet.names);
  return { file, form, id: '', rows: () => parquet.read(form.fields) };
}

async function sniffList(file: TaskFile): Promise<Recognised | string> {
  let rows: FileRow[];
  try {
    rows = await rowsOfList(file);
  } catch (error) {
    if (error instanceof EspalierError) return error.message;
    throw error;
  }
  const found = formOfRows(rows.slice(0, 20).map(({ fields }) => fields));
  if (typeof found === 'string') return found;
  return {
    file,
    ...found,
    async *rows() {
      yield rows;
    },
  };
}

/** The form of the first row that has one, or why there is none. */
function formOfRows(rows: readonly unknown[]): { form: Form; id: string } | string {
  let why = NO_ROWS;
  for (const row of rows) {
    if (!isJsonObject(row) || row instanceof Error) continue;
    const names = new Set(Object.keys(row));
    for (const [name, value] of Object.entries(row)) {
      const part: unknown = Array.isArray(value) ? value[0] : value;
      if (isJsonObject(part)) for (const inner of Object.keys(part)) names.add(`${name}.${inner}`);
    }
    const form = formOf(names);
    if (form) return { form, id: typeof row.id === 'string' ? row.id : '' };
    why = unknownFields(names);
  }
  return why;
}

function unknownFields(names: Iterable<string>): string {
  const top = [...names].filter((name) => !name.includes('.'));
  const list = top.length <= 12 ? top : [...top.slice(0, 12), '…'];
  return `Its fields are those of no task: ${list.join(', ')}.`;
}
