// What makes the contents of a take-away, and the names they go by in captions and files.

import type { UsedDevice } from '../../contract/device.ts';
import type { ScoreResult } from '../../contract/score.ts';
import type { StudioState } from '../state.ts';
import type { Table } from './table.ts';

/** What numbers must never stand without. */
export interface Measured {
  /** As recorded, for JSON. */
  settings: Readonly<Record<string, unknown>>;
  device: UsedDevice | null;
  /** For captions: "10 windows × 128 tokens, bundled text, CPU (wasm)"; '' when nothing was run. */
  words: string;
}

export interface Maker {
  table(state: StudioState): Table;
  measured(state: StudioState): Measured;
  /** Whole files with a form of their own, instead of those made of the table. */
  csv?(state: StudioState, when: Date): string;
  json?(state: StudioState, when: Date): string;
}

/** Settings of a run on calibration windows, for JSON. */
export function windowSettings({
  settings,
  windows,
  seconds,
}: Pick<ScoreResult, 'settings' | 'windows' | 'seconds'>): Record<string, unknown> {
  return { ...settings, windows: windows.length, seconds };
}
