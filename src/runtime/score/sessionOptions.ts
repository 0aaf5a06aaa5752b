// What a scoring session and its jobs are given.

import type { Progress } from '../../contract/progress.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import type { AccuracyLevels } from '../../model/programs/cutter.ts';
import type { ScorePrograms } from '../../model/programs/program.ts';
import { makeScorePrograms } from '../../model/programs/programs.ts';
import { fitted } from '../../model/programs/widen.ts';
import type { Folder } from '../../onnx/source.ts';
import type { CheckpointStore } from '../checkpoint/checkpoint.ts';
import type { Engine } from '../device/engine.ts';

/** The model of a session, for work that runs it in its own way. */
export interface SessionModel {
  programs: ScorePrograms;
  folder: Folder;
  engine: Engine;
  /** Bytes that may be taken together. */
  budget: number;
}

export interface SessionOptions {
  /**
   * Bytes that weights, hidden states, scratch and logits may take together; by default 70 % of
   * what the device is believed to have.
   */
  budgetBytes?: number | undefined;
  /** Stream the weights although they would fit: for a session that goes over them once. */
  streamed?: boolean;
  /** Made of the model by the caller, whose weights lie in its folder; by default cut out of it. */
  programs?: ScorePrograms;
  /** How matrices of accuracy level 4 are multiplied: exactly by default. */
  accuracyLevels?: AccuracyLevels;
}

export interface ProgressOptions {
  signal: AbortSignal | undefined;
  onProgress: (progress: Progress) => void;
  store?: CheckpointStore | undefined;
}

export interface EventOptions {
  signal: AbortSignal | undefined;
  onEvent: (event: { type: 'progress'; progress: Progress }) => void;
  store: CheckpointStore | undefined;
}

/** The programs of a session, as its device can run them. @throws EspalierError as they are made */
export function programsOf(
  opened: OpenedModel,
  { kind, float16 }: Engine,
  { programs, accuracyLevels }: SessionOptions,
): ScorePrograms {
  return programs ?? fitted(makeScorePrograms(opened, { device: kind, accuracyLevels }), float16);
}
