// What a scoring session and its jobs are given.

import type { Progress } from '../../contract/progress.ts';
import type { ScorePrograms } from '../../model/programs/program.ts';
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
