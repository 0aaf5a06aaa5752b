// Texts and token windows that commands are given, and the options that say how windows come about;
// must not tokenise.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { ScoreSettings } from '../contract/score.ts';
import { EspalierError } from '../errors.ts';
import type { CalibrationText } from '../runtime/score/calibration.ts';
import { oneOf, UsageError, wholeNumber } from './args.ts';

/** Options of commands that run the model on calibration windows. */
export const CALIBRATION_OPTIONS = {
  text: { type: 'string' },
  windows: { type: 'string' },
  samples: { type: 'string' },
  length: { type: 'string' },
  sampler: { type: 'string' },
  seed: { type: 'string' },
  bos: { type: 'string' },
} as const;

type Values = { readonly [K in keyof typeof CALIBRATION_OPTIONS]?: string | undefined };

/** How windows are asked for. @throws UsageError */
export function samplingOf(values: Values): Omit<ScoreSettings, 'text' | 'device'> {
  return {
    samples: wholeNumber(values.samples, 'samples', 10),
    length: wholeNumber(values.length, 'length', 128, 2),
    sampler: oneOf(values.sampler, 'sampler', ['even', 'random']) ?? 'even',
    seed: wholeNumber(values.seed, 'seed', 0, 0),
    bos: oneOf(values.bos, 'bos', ['none', 'every']),
  };
}

/**
 * The text, or the windows of a JSON file. @throws UsageError unless one of them is given;
 * EspalierError `missing-file`, `bad-input`
 */
export function readCalibration({ text, windows }: Values): CalibrationText {
  if ((text === undefined) === (windows === undefined))
    throw new UsageError('Give either --text <file> or --windows <json>.');
  if (text !== undefined) return readTextFile(text);
  const path = windows as string;
  const { name, text: content } = readTextFile(path);
  try {
    const json = JSON.parse(content) as unknown;
    const rows = Array.isArray(json) ? json : (json as { windows?: unknown } | null)?.windows;
    return { name, windows: rows };
  } catch (error) {
    throw new EspalierError(
      'bad-input',
      `${path} is not JSON.`,
      'Give windows as [[1, 2, 3], [4, 5, 6]].',
      String(error),
    );
  }
}

/** @throws EspalierError `missing-file` */
export function readTextFile(path: string): { name: string; text: string } {
  try {
    return { name: basename(path), text: readFileSync(path, 'utf8') };
  } catch (error) {
    throw new EspalierError(
      'missing-file',
      `${path} cannot be read.`,
      'Name a readable file.',
      String(error),
    );
  }
}
