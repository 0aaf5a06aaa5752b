// Writes and reads the tables of the paper's code: block_order.csv and all_ppl_unsorted.csv.

import { EspalierError } from '../../errors.ts';
import { missingBlock } from '../structure/removable.ts';

/** Both tables are short: one number, or one row, for each block. */
const MAX_CHARS = 1_000_000;
const ORDER_FILE = 'block_order.csv';
const TABLE_FILE = 'all_ppl_unsorted.csv';

/** One line of block indices, least important first. */
export function writeBlockOrder(order: readonly number[]): string {
  return `${order.join(',')}\n`;
}

/**
 * Reads an order written by this or another tool; locked blocks may be missing.
 * @throws EspalierError `bad-input`, naming line and entry.
 */
export function readBlockOrder(text: string, numBlocks: number): number[] {
  const found = linesOf(text, ORDER_FILE);
  const [line, second] = found;
  if (!line) throw wrong(ORDER_FILE, 1, 'is empty: one line of block numbers is expected');
  if (second)
    throw wrong(ORDER_FILE, second.number, 'is a second line: all block numbers belong on one');
  const order: number[] = [];
  for (const [k, entry] of line.cells.entries()) {
    const block = blockNumber(entry, numBlocks, ORDER_FILE, line.number, `entry ${k + 1}`);
    if (order.includes(block)) throw wrong(ORDER_FILE, line.number, `names block ${block} twice`);
    order.push(block);
  }
  return order;
}

/** A row of all_ppl_unsorted.csv: the model without one block. */
interface PplRow {
  block: number;
  /** Perplexity; null where it overflows. */
  ppl: number | null;
  /** Parameters of the model without the block; null where the table does not say. */
  params: number | null;
}

export interface PplTable {
  /** Name of the calibration text, from the column `ppl_<dataset>`. */
  dataset: string;
  /** Calibration windows; null where the table does not say. */
  samples: number | null;
  /** In the order of the file. */
  rows: PplRow[];
}

/** Writes a table; infinite values as Python writes them. */
export function writePplTable({ dataset, samples, rows }: PplTable): string {
  const name = dataset.replace(/[^A-Za-z0-9_.-]+/g, '_') || 'text';
  const lines = rows.map(
    ({ block, ppl, params }) => `${block},${ppl ?? 'inf'},${samples ?? ''},${params ?? ''}`,
  );
  return [`removed_block,ppl_${name},num_calib_data,params`, ...lines, ''].join('\n');
}

/** @throws EspalierError `bad-input`, naming line and column. */
export function readPplTable(text: string, numBlocks: number): PplTable {
  const [header, ...lines] = linesOf(text, TABLE_FILE);
  if (!header)
    throw wrong(
      TABLE_FILE,
      1,
      'is empty: the header removed_block,ppl_<dataset>,num_calib_data,params is expected',
    );
  const column = (test: (name: string) => boolean): number => header.cells.findIndex(test);
  const at = {
    block: column((name) => name === 'removed_block'),
    ppl: column((name) => name.startsWith('ppl_')),
    samples: column((name) => name === 'num_calib_data'),
    params: column((name) => name === 'params'),
  };
  if (at.block < 0) throw wrong(TABLE_FILE, header.number, 'has no column removed_block');
  if (at.ppl < 0) throw wrong(TABLE_FILE, header.number, 'has no column ppl_<dataset>');
  const seen = new Set<number>();
  let samples: number | null = null;
  const rows = lines.map(({ number, cells }): PplRow => {
    if (cells.length !== header.cells.length)
      throw wrong(
        TABLE_FILE,
        number,
        `has ${cells.length} columns, the header ${header.cells.length}`,
      );
    const block = blockNumber(
      cells[at.block] ?? '',
      numBlocks,
      TABLE_FILE,
      number,
      'removed_block',
    );
    if (seen.has(block)) throw wrong(TABLE_FILE, number, `is the second row of block ${block}`);
    seen.add(block);
    samples ??= optional(cells[at.samples], 'num_calib_data', number);
    return {
      block,
      ppl: perplexityOf(cells[at.ppl] ?? '', number),
      params: optional(cells[at.params], 'params', number),
    };
  });
  if (rows.length === 0)
    throw wrong(TABLE_FILE, header.number, 'is the only line: rows of blocks are missing');
  return { dataset: (header.cells[at.ppl] ?? '').slice('ppl_'.length), samples, rows };
}

interface Line {
  /** Line number, from 1. */
  number: number;
  cells: string[];
}

/**
 * The lines that are not empty; carriage returns, spaces around cells and a byte order mark are
 * allowed.
 */
function linesOf(text: string, file: string): Line[] {
  if (text.length > MAX_CHARS)
    throw new EspalierError(
      'bad-input',
      `${file} has ${text.length} characters; such a table has a few thousand.`,
      'Choose another file.',
    );
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .map((line, k) => ({ number: k + 1, cells: line.split(',').map((cell) => cell.trim()) }))
    .filter(({ cells }) => cells.some((cell) => cell !== ''));
}

function blockNumber(
  text: string,
  numBlocks: number,
  file: string,
  line: number,
  where: string,
): number {
  if (!/^\d{1,9}$/.test(text))
    throw wrong(file, line, `${where}: "${shortened(text)}" is not a block number`);
  const block = Number(text);
  const missing = missingBlock(numBlocks, [block]);
  if (missing !== null) throw wrong(file, line, `${where}: ${missing.slice(0, -1)}`);
  return block;
}

function perplexityOf(text: string, line: number): number | null {
  if (/^\+?(inf|infinity|nan)$/i.test(text)) return null;
  const value = text === '' ? Number.NaN : Number(text);
  if (!(value >= 1) || !Number.isFinite(value))
    throw wrong(TABLE_FILE, line, `"${shortened(text)}" is not a perplexity`);
  return value;
}

function optional(text: string | undefined, name: string, line: number): number | null {
  if (text === undefined || text === '') return null;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0)
    throw wrong(TABLE_FILE, line, `${name}: "${shortened(text)}" is not a number`);
  return value;
}

function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

function wrong(file: string, line: number, what: string): EspalierError {
  const fields =
    file === ORDER_FILE
      ? 'Write block numbers on one line, like 7,9,2.'
      : 'Write a header and one row for each block.';
  return new EspalierError(
    'bad-input',
    `${file}, line ${line}: ${what.replace(/^(is|has|names) /, 'it $1 ')}.`,
    fields,
  );
}
