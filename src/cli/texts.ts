// Reads the text and window files that commands are given.

import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { ScoreSettings } from '../contract/score.ts';
import { decodeText } from '../decodeText.ts';
import { EspalierError } from '../errors.ts';
import type { CalibrationText } from '../runtime/score/calibration.ts';
import { UsageError } from './args.ts';
import type { Values } from './options.ts';
import type { CALIBRATION_OPTIONS } from './sharedOptions.ts';

type CalibrationValues = Values<typeof CALIBRATION_OPTIONS>;

/** How windows are asked for. */
export function samplingOf({
  samples,
  length,
  sampler,
  seed,
  bos,
}: CalibrationValues): Omit<ScoreSettings, 'text' | 'device'> {
  return { samples, length, sampler, seed, bos: bos ?? null };
}

/**
 * The text, or the windows of a JSON file. @throws UsageError unless one of them is given;
 * EspalierError `missing-file`, `bad-input`
 */
export function readCalibration({ text, windows }: CalibrationValues): CalibrationText {
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

/** The text that comes with Espalier, which the page scores on by default, too. */
export function bundledCalibration(): CalibrationText {
  const path = join('public', 'text', 'calibration.txt');
  // The command line runs from its sources, or bundled beside the text.
  const above = [join('..', '..'), '..'].map((up) => join(import.meta.dirname, up, path));
  return readTextFile(above.find((place) => existsSync(place)) ?? path);
}

/** @throws EspalierError `missing-file`; `bad-input` for a file that is no text */
export function readTextFile(path: string): { name: string; text: string } {
  const name = basename(path);
  try {
    return { name, text: decodeText(name, readFileSync(path)) };
  } catch (error) {
    if (error instanceof EspalierError) throw error;
    throw new EspalierError(
      'missing-file',
      `${path} cannot be read.`,
      'Name a readable file.',
      String(error),
    );
  }
}
