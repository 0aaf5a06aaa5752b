// Rows out of Parquet files, held to limits before anything is decoded.

import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type SchemaTree,
} from 'hyparquet';
import { EspalierError } from '../../errors.ts';
import type { FileRow } from './fields.ts';
import type { TaskFile } from './file.ts';
import { checkPages } from './parquetPages.ts';

/** Most bytes of the description at the end of a file. */
const MAX_FOOTER_BYTES = 16 * 2 ** 20;

/** Most bytes, decompressed, of the columns that are read; HellaSwag's 40,000 rows have 50 MB. */
const MAX_COLUMN_BYTES = 512 * 2 ** 20;

/** Most values of those columns; HellaSwag's 40,000 rows have 320,000. */
const MAX_VALUES = 2 ** 22;

/** What needs no other library. */
const CODECS = ['UNCOMPRESSED', 'SNAPPY'];

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A text as it is, with a byte order mark in front that it may have. */
function stringFromBytes(bytes: Uint8Array | undefined): string | undefined {
  try {
    return bytes && UTF8.decode(bytes);
  } catch {
    throw new Error('a text that is not in UTF-8');
  }
}

/** A Parquet file whose description is read. */
export interface Parquet {
  /** Names of columns; "question.stem" for a part of one. */
  names: ReadonlySet<string>;
  rows: number;
  /** @throws EspalierError `bad-input` for what cannot be decoded, naming the codec */
  read(columns: readonly string[]): AsyncGenerator<FileRow[]>;
}

/** @throws EspalierError `bad-input` for a file that is damaged, or above the limits */
export async function openParquet(file: TaskFile): Promise<Parquet> {
  const metadata = await attempt(file, async () => {
    const tail = await file.read(Math.max(0, file.size - 8), file.size);
    const length = new DataView(tail.buffer, tail.byteOffset, tail.byteLength).getUint32(0, true);
    if (length > MAX_FOOTER_BYTES) throw new Error(`a description of ${length} bytes`);
    // Statistics in the types of geographic columns are of no use here.
    return parquetMetadataAsync(bufferOf(file), { geoparquet: false });
  });
  const schema = await attempt(file, async () => parquetSchema(metadata));
  const names = new Set(namesOf(schema));
  const rows = Number(metadata.num_rows);
  return {
    names,
    rows,
    async *read(columns) {
      const present = columns.filter((name) => names.has(name));
      check(file, metadata, present);
      await attempt(file, () => checkColumns(file, metadata, schema, present));
      let rowStart = 0;
      for (const { num_rows } of metadata.row_groups) {
        const rowEnd = rowStart + Number(num_rows);
        const found = await attempt(file, () =>
          parquetReadObjects({
            file: bufferOf(file),
            metadata,
            columns: present,
            rowStart,
            rowEnd,
            geoparquet: false,
            parsers: { stringFromBytes },
          }),
        );
        if (found.length !== Number(num_rows))
          throw damaged(file, `${found.length} rows where ${num_rows} should be`);
        const first = rowStart;
        yield found.map((fields, k) => ({
          fields: plain(fields) as FileRow['fields'],
          at: { file: file.path, row: `row ${first + k + 1}` },
        }));
        rowStart = rowEnd;
      }
    },
  };
}

function check(file: TaskFile, metadata: FileMetaData, columns: readonly string[]): void {
  let bytes = 0;
  let values = 0;
  let rows = 0;
  for (const group of metadata.row_groups) {
    rows += Number(group.num_rows);
    for (const { meta_data: column, file_path } of group.columns) {
      if (!column) throw damaged(file, 'a column without a description');
      if (!columns.includes(column.path_in_schema[0] ?? '')) continue;
      if (file_path) throw damaged(file, 'columns that are in another file');
      if (!CODECS.includes(column.codec))
        throw new EspalierError(
          'bad-input',
          `${file.path} is compressed with ${column.codec}, which cannot be read here.`,
          'Write it with Snappy, the default of most tools, or as JSON lines.',
        );
      bytes += Number(column.total_uncompressed_size);
      values += Number(column.num_values);
      const offsets = [column.dictionary_page_offset, column.data_page_offset];
      if (offsets.some((at) => at !== undefined && !(at >= 0 && at <= file.size)))
        throw damaged(file, 'a column outside of the file');
      if (!(Number(column.total_compressed_size) <= file.size))
        throw damaged(file, 'a column that is longer than the file');
    }
  }
  for (const [have, most, what] of [
    [bytes, MAX_COLUMN_BYTES, 'bytes'],
    [values, MAX_VALUES, 'values'],
  ] as const)
    if (!(have <= most))
      throw new EspalierError(
        'too-large',
        `${file.path} holds ${have} ${what}, of which at most ${most} are read.`,
        'Choose a file with fewer rows.',
      );
  if (rows !== Number(metadata.num_rows))
    throw damaged(file, `${rows} rows where ${metadata.num_rows} should be`);
}

async function checkColumns(
  file: TaskFile,
  { row_groups }: FileMetaData,
  schema: SchemaTree,
  columns: readonly string[],
): Promise<void> {
  let most = MAX_COLUMN_BYTES;
  for (const group of row_groups)
    for (const { meta_data: column } of group.columns) {
      if (!column || !columns.includes(column.path_in_schema[0] ?? '')) continue;
      const from = Number(column.dictionary_page_offset || column.data_page_offset);
      const to = from + Number(column.total_compressed_size);
      const types = repetitionsOf(schema, column.path_in_schema);
      const bytes = await file.read(from, Math.min(file.size, to));
      most -= checkPages(
        bytes,
        {
          values: Number(column.num_values),
          compressed: column.codec === 'SNAPPY',
          maxDefinition: types.filter((type) => type !== 'REQUIRED').length,
          maxRepetition: types.filter((type) => type === 'REPEATED').length,
          isBoolean: column.type === 'BOOLEAN',
        },
        most,
      );
    }
}

/** Whether each part of a column's name must be there, may be, or is repeated. */
function repetitionsOf(schema: SchemaTree, path: readonly string[]): (string | undefined)[] {
  let at = schema;
  return path.map((name) => {
    const next = at.children.find(({ element }) => element.name === name);
    if (!next) throw new Error(`a column ${JSON.stringify(path.join('.'))} that is not described`);
    at = next;
    return next.element.repetition_type;
  });
}

function bufferOf(file: TaskFile): AsyncBuffer {
  return {
    byteLength: file.size,
    async slice(start, end = file.size) {
      const bytes = await file.read(Math.max(0, start), Math.min(file.size, end));
      return new Uint8Array(bytes).buffer;
    },
  };
}

function* namesOf({ children, path }: SchemaTree): Generator<string> {
  if (path.length > 0) yield path.join('.');
  for (const child of children) yield* namesOf(child);
}

/** Large integers as numbers, in all that a value holds. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}

/** What the library throws, as an error that names the file. */
async function attempt<T>(file: TaskFile, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof EspalierError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    // What JavaScript says of bytes that were not expected helps nobody to mend them.
    const isPlain = error instanceof TypeError || error instanceof RangeError;
    throw damaged(file, isPlain ? 'its bytes contradict each other' : message, String(error));
  }
}

function damaged(file: TaskFile, problem: string, detail = ''): EspalierError {
  return new EspalierError(
    'bad-input',
    `${file.path} cannot be read as a Parquet file: ${problem}.`,
    'Get the file again, or give its rows as JSON lines.',
    detail,
  );
}
