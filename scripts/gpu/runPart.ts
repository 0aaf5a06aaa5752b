// One part in a process of its own: what hangs or crashes there ends with it, and what it had found
// out stays.

import { fork } from 'node:child_process';
import { type ErrorReport, toReport } from '../../src/errors.ts';
import type { Found, Part, PartContext, PartRow } from './part.ts';

/** What the process of a part is told. */
type Asked = Omit<PartContext, 'say'> & { part: string };

type Message = { found: Found } | { ended: ErrorReport | null };

/** The word that makes `entry` serve one part. */
const PART_OPTION = '--part';

/**
 * Runs a part and ends its process at the latest after `context.limitSeconds`.
 * @param entry a module that calls `servePart` before anything else
 */
export function runPart(
  entry: string,
  part: Pick<Part, 'name' | 'title'>,
  context: Omit<PartContext, 'say'>,
): Promise<PartRow> {
  const started = performance.now();
  const asked: Asked = { ...context, part: part.name };
  return new Promise((resolve) => {
    const child = fork(entry, [PART_OPTION, JSON.stringify(asked)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const found: Found[] = [];
    let ended: ErrorReport | null | undefined;
    let late = false;
    let said = '';
    child.stderr?.on('data', (bytes: Buffer) => {
      said = `${said}${bytes}`.slice(-2000);
    });
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, context.limitSeconds * 1000);
    child.on('message', (message: Message) => {
      if ('found' in message) found.push(message.found);
      else ended = message.ended;
    });
    const finish = (how: string): void => {
      clearTimeout(timer);
      const seconds = (performance.now() - started) / 1000;
      const end: End = late ? 'timed out' : (ended ?? null);
      const crash = !late && ended === undefined ? crashReport(how, said) : null;
      resolve(rowOf(part, found, crash ?? end, seconds, context.limitSeconds));
    };
    child.on('error', (error) => finish(String(error)));
    child.on('close', (code, signal) => finish(signal ? `the signal ${signal}` : `code ${code}`));
  });
}

function crashReport(how: string, said: string): ErrorReport {
  return {
    code: 'bug',
    message: `The process of this part ended with ${how} before it was done.`,
    hint: '',
    detail: said,
  };
}

/** How a part ended: null when it came to its end. */
export type End = ErrorReport | 'timed out' | null;

/** The row of a part from all that it has said. Figures count only where every check holds. */
export function rowOf(
  { name, title }: Pick<Part, 'name' | 'title'>,
  found: readonly Found[],
  end: End,
  seconds: number,
  limitSeconds: number,
): PartRow {
  const figures = Object.assign({}, ...found.map((one) => one.figures ?? {}));
  const details = Object.assign({}, ...found.map((one) => one.details ?? {}));
  const checks = found.flatMap((one) => one.checks ?? []);
  const notes = found.flatMap((one) => one.notes ?? []);
  const common = { name, title, seconds, limitSeconds, checks, notes, details };
  const missed = checks.filter(({ ok }) => !ok);
  if (missed.length > 0)
    return {
      ...common,
      status: 'wrong',
      reason: missed
        .map((check) => `${check.name}: ${check.value}, limit: ${check.limit}.`)
        .join(' '),
      figures: {},
      withheld: figures,
    };
  if (end === null) return { ...common, status: 'ok', reason: null, figures };
  if (end === 'timed out') {
    const reason = `It was ended after ${limitSeconds.toFixed(0)} s.`;
    return { ...common, status: 'timed out', reason, figures };
  }
  const reason = [end.message, end.hint].filter(Boolean).join(' ');
  return { ...common, status: 'failed', reason, figures, details: { ...details, error: end } };
}

/** The row of a part that was not begun. */
export function notRun({ name, title }: Pick<Part, 'name' | 'title'>, reason: string): PartRow {
  return {
    name,
    title,
    status: 'not run',
    reason,
    seconds: 0,
    limitSeconds: 0,
    figures: {},
    checks: [],
    notes: [],
    details: {},
  };
}

/** The other end: runs the part that was asked for; false where none was. */
export async function servePart(
  words: readonly string[],
  parts: readonly Part[],
): Promise<boolean> {
  if (words[0] !== PART_OPTION) return false;
  const { part: name, ...context } = JSON.parse(words[1] ?? '') as Asked;
  const tell = (message: Message): Promise<void> =>
    new Promise((resolve) => {
      if (process.send) process.send(message, () => resolve());
      else resolve();
    });
  let ended: ErrorReport | null = null;
  try {
    const part = parts.find((one) => one.name === name);
    if (!part) throw new Error(`There is no part ${name}.`);
    await part.run({ ...context, say: (found) => void tell({ found }) });
  } catch (error) {
    ended = toReport(error);
  }
  await tell({ ended });
  return true;
}
