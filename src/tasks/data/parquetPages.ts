// Holds the pages of a Parquet column to limits before the library decodes them: a few bytes may
// ask for billions of values, for which no memory suffices.

import { snappyUncompress } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';

/** A column as the description of the file has it. */
export interface ColumnOfPages {
  /** Of all its pages together. */
  values: number;
  compressed: boolean;
  /** Parts of its name that may be absent, and that may be repeated. */
  maxDefinition: number;
  maxRepetition: number;
  isBoolean: boolean;
}

/** Values that a run may have beyond those of its page: the last group of eight is filled up. */
const PADDING = 512;

const LEVELS_AND_INDICES = ['RLE', 'PLAIN_DICTIONARY', 'RLE_DICTIONARY'];
const ENCODINGS = [
  ...LEVELS_AND_INDICES,
  'PLAIN',
  'DELTA_BINARY_PACKED',
  'DELTA_LENGTH_BYTE_ARRAY',
];

/**
 * Goes through the pages of a column.
 * @param bytes of the column in one group of rows
 * @param most bytes that all pages may have decompressed
 * @returns bytes that they have
 * @throws Error with the problem as the end of a sentence, for what is above the limits
 * @source Apache Parquet, Data Pages and Encodings (levels, hybrid of runs and bit packing)
 */
export function checkPages(bytes: Uint8Array, column: ColumnOfPages, most: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reader = { view, offset: 0 };
  let total = 0;
  let left = column.values;
  while (reader.offset < bytes.length - 1) {
    const header = parquetHeader(reader);
    const { compressed_page_size: size, uncompressed_page_size: full } = header;
    const page = bytes.subarray(reader.offset, reader.offset + size);
    if (!(size >= 0) || page.length !== size) throw new Error('a page is cut off');
    if (!(full >= 0)) throw new Error('a page has no length');
    total += full;
    if (total > most) throw new Error(`its pages have more than ${most} bytes decompressed`);
    reader.offset += size;
    const { data_page_header: v1, data_page_header_v2: v2, dictionary_page_header: words } = header;
    const count = (v1 ?? v2 ?? words)?.num_values;
    if (count === undefined || !(count >= 0 && count <= (words ? full : left)))
      throw new Error(`a page has ${count ?? 'unknown many'} values, and its column ${left} more`);
    if (!words) left -= count;
    const encoding = (v1 ?? v2)?.encoding;
    if (encoding !== undefined && !ENCODINGS.includes(encoding))
      throw new Error(`values are encoded as ${encoding}, which is not read here`);
    if (v1) checkFirst(decompressed(page, full, column), v1.num_values, v1.encoding, column);
    if (v2) {
      const levels = [v2.repetition_levels_byte_length, v2.definition_levels_byte_length];
      const [repetition = 0, definition = 0] = levels;
      const values = repetition + definition;
      if (!(repetition >= 0 && definition >= 0 && values <= size && values <= full))
        throw new Error('levels are longer than their page');
      if (column.maxRepetition > 0)
        checkLevels(page.subarray(0, repetition), column.maxRepetition, v2.num_values);
      if (column.maxDefinition > 0)
        checkLevels(page.subarray(repetition, values), column.maxDefinition, v2.num_values);
      const isPacked = column.compressed && v2.is_compressed !== false && full > values;
      const body = decompressed(page.subarray(values), full - values, {
        ...column,
        compressed: isPacked,
      });
      if (!(v2.num_nulls >= 0)) throw new Error('a page without a number of nulls');
      checkValues(body, v2.num_values - v2.num_nulls, v2.encoding, column);
    }
  }
  return total;
}

/** Levels up to `most`, of every value. */
function checkLevels(bytes: Uint8Array, most: number, count: number): void {
  if (checkRuns(bytes, 32 - Math.clz32(most), count) < count) throw new Error('levels are cut off');
}

function decompressed(page: Uint8Array, size: number, { compressed }: ColumnOfPages): Uint8Array {
  if (!compressed) return page;
  const out = new Uint8Array(size);
  snappyUncompress(page, out);
  return out;
}

/** A page of the first version: levels with their length in front, then the values. */
function checkFirst(
  page: Uint8Array,
  count: number,
  encoding: string,
  column: ColumnOfPages,
): void {
  let rest = page;
  for (const level of [column.maxRepetition, column.maxDefinition]) {
    if (level === 0) continue;
    const { runs, behind } = withLength(rest);
    checkLevels(runs, level, count);
    rest = behind;
  }
  checkValues(rest, count, encoding, column);
}

/** @param count most values; nulls are among those of a first page */
function checkValues(
  bytes: Uint8Array,
  count: number,
  encoding: string,
  { isBoolean }: ColumnOfPages,
): void {
  if (count <= 0 || !LEVELS_AND_INDICES.includes(encoding)) return;
  if (isBoolean) checkRuns(bytes.subarray(4), 1, count);
  else {
    const width = bytes[0] ?? 0;
    if (width > 32) throw new Error(`indices of ${width} bits`);
    if (width > 0) checkRuns(bytes.subarray(1), width, count);
  }
}

function withLength(bytes: Uint8Array): { runs: Uint8Array; behind: Uint8Array } {
  if (bytes.length < 4) throw new Error('a page is cut off');
  const length = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  return { runs: bytes.subarray(4, 4 + length), behind: bytes.subarray(4 + length) };
}

/**
 * Runs of equal values, and groups of eight packed ones, up to `count` values in all.
 * @returns how many there are
 */
function checkRuns(bytes: Uint8Array, width: number, count: number): number {
  let seen = 0;
  for (let at = 0; seen < count && at < bytes.length; ) {
    let head = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 28) throw new Error('a run without a length');
      head += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    const half = Math.floor(head / 2);
    const run = head % 2 === 1 ? 8 * half : half;
    if (run > count - seen + PADDING)
      throw new Error(`a run of ${run} values on a page of ${count}`);
    seen += run;
    at += head % 2 === 1 ? half * width : Math.ceil(width / 8);
  }
  return seen;
}
