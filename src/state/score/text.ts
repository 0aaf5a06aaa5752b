// Calibration texts and token ids from what people paste or drop, and their names.

import type { EvaluateRequest } from '../../contract/evaluate.ts';
import type { HealText } from '../../contract/heal.ts';
import type { ScoreSettings, TextSource } from '../../contract/score.ts';
import { EspalierError } from '../../errors.ts';
import { jsonFault } from '../../jsonFault.ts';
import { notJson } from '../../words/open.ts';

/**
 * Windows of token ids from JSON: a list of lists of non-negative integers, or an object with such
 * a list under `windows`.
 */
export function parseWindows(name: string, json: string): TextSource {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    const { message, hint } = notJson(name, jsonFault(json));
    throw new EspalierError('bad-input', message, hint);
  }
  const windows = Array.isArray(value) ? value : (value as { windows?: unknown } | null)?.windows;
  if (!Array.isArray(windows) || windows.length === 0) {
    throw new EspalierError(
      'bad-input',
      `${name} has no windows of token ids.`,
      'Give windows as [[1, 2, 3], [4, 5, 6]].',
    );
  }
  windows.forEach((window: unknown, i) => {
    const bad = Array.isArray(window)
      ? window.find((id) => !Number.isInteger(id) || id < 0)
      : window;
    if (!Array.isArray(window) || window.length < 2 || bad !== undefined) {
      throw new EspalierError(
        'bad-input',
        `Window ${i} of ${name} is not a list of at least two token ` +
          `ids${bad === undefined ? '' : ` (found ${JSON.stringify(bad)})`}.`,
        'Token ids are whole numbers from 0 on.',
      );
    }
  });
  return { kind: 'ids', name, windows: windows as number[][] };
}

/**
 * How many windows of how many tokens the settings ask for: "10 windows × 128 tokens". Given ids
 * have their own counts.
 */
export function windowsOf({
  text,
  samples,
  length,
}: Pick<ScoreSettings, 'text' | 'samples' | 'length'>): string {
  if (text.kind !== 'ids') return sized(samples, String(length));
  const lengths = text.windows.map((window) => window.length);
  const [low, high] = [Math.min(...lengths), Math.max(...lengths)];
  return sized(lengths.length, low === high ? String(low) : `${low} to ${high}`);
}

const sized = (windows: number, tokens: string) =>
  `${windows} window${windows === 1 ? '' : 's'} × ${tokens} tokens`;

/** A pasted text by its first words; ids end in .json, as a file of them does. */
export function nameOfPasted(text: string): string {
  if (/^\s*[[{]/.test(text)) return 'pasted.json';
  const words = text.trim().split(/\s+/);
  const first = words.slice(0, 4).join(' ').slice(0, 32);
  return `pasted text “${first}${first.length < text.trim().length ? '…' : ''}”`;
}

/** A text for people: "bundled text", "notes.txt", "token ids of windows.json". */
export function nameOfText(text: TextSource | HealText): string {
  if (text.kind === 'bundled') return 'bundled text';
  return text.kind === 'ids' ? `token ids of ${text.name}` : text.name;
}

/** An evaluation text for people. The bundled one is another than that of scoring. */
export function nameOfEvaluationText(text: EvaluateRequest['text']): string {
  return text.kind === 'bundled' ? 'bundled evaluation text' : text.name;
}
