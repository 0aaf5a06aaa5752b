// Where results go: JSON to a file or standard output, progress to standard error.

import { accessSync, constants, existsSync, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Progress } from '../contract/progress.ts';
import { EspalierError } from '../errors.ts';
import { fsError } from '../node/fsError.ts';

/**
 * Sees that a file can be written to `path`, before the work that makes the result; writes nothing.
 * @param option that names it
 * @throws EspalierError `missing-file`, `bad-input`
 */
export function checkJsonTarget(path: string | undefined, option = '--json'): void {
  if (path === undefined || path === '-') return;
  try {
    const known = existsSync(path);
    if (known && statSync(path).isDirectory())
      throw new EspalierError('bad-input', `${path} is a folder.`, `Name a file for ${option}.`);
    const folder = dirname(resolve(path));
    if (!known && !statSync(folder).isDirectory())
      throw new EspalierError('bad-input', `${folder} is not a folder.`, 'Name another file.');
    accessSync(known ? path : folder, constants.W_OK);
  } catch (error) {
    throw fsError(error, `${path} cannot be written`);
  }
}

/**
 * Writes `value` as JSON to `path`; "-" or nothing is standard output. @throws EspalierError
 * `missing-file`, `bad-input`, `disk-full`
 */
export function writeJson(path: string | undefined, value: unknown): void {
  writeText(path, `${JSON.stringify(value, null, 1)}\n`);
}

/**
 * Writes a text to `path`; "-" or nothing is standard output. @throws EspalierError as `writeJson`
 */
export function writeText(path: string | undefined, text: string): void {
  if (path === undefined || path === '-') {
    process.stdout.write(text);
    return;
  }
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw fsError(error, `${path} cannot be written`);
  }
}

/** A sentence as one line on standard error. */
export function note(text: string): void {
  process.stderr.write(`${text.replace(/\s+/g, ' ').trim()}\n`);
}

/** The lines of a table on standard error, as they are. */
export function noteTable(lines: readonly string[]): void {
  process.stderr.write(`${lines.join('\n')}\n`);
}

/** One status line on standard error, rewritten in place on a terminal and silent elsewhere. */
export function status(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${text}`);
}

/** Where a job is, as the status line. */
export function showProgress({ phase, done, total, unit, secondsLeft }: Progress): void {
  const far =
    unit === 'bytes'
      ? `${megabytes(done)} of ${megabytes(total)}`
      : `${Math.round(done)} of ${Math.round(total)} ` +
        `${unit === 'blocks' ? 'block evaluations' : unit}`;
  status(`${phase} ${far}${secondsLeft === null ? '' : `, ${Math.ceil(secondsLeft)} s left`}`);
}

/** Bytes as the command line gives them: "9.4 MB". */
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** Ends the status line. */
export function statusDone(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K');
}
