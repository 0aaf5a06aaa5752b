// Where results go: JSON to a file or standard output, progress to standard error.

import { writeFileSync } from 'node:fs';

/** Writes `value` as JSON to `path`; "-" or nothing is standard output. */
export function writeJson(path: string | undefined, value: unknown): void {
  const text = `${JSON.stringify(value, null, 1)}\n`;
  if (path === undefined || path === '-') process.stdout.write(text);
  else writeFileSync(path, text);
}

/** One status line on standard error, rewritten in place on a terminal and silent elsewhere. */
export function status(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${text}`);
}

/** Ends the status line. */
export function statusDone(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K');
}
