// Opening a written export again and checking it against the plan.

import type { StepChoice } from '../model/export/steps.ts';
import type { Unit } from '../units.ts';
import type { DeviceKind } from './device.ts';
import type { Methods } from './methods.ts';
import type { FolderSource } from './open.ts';
import type { Progress } from './progress.ts';

export interface VerifyCheck {
  name: string;
  ok: boolean;
  /** What was compared, with the numbers. */
  detail: string;
}

/**
 * `verified`: every check ran and passed. `in-parts`: the graph is too large to be run whole here,
 * but all other checks passed and its blocks, run one after the other from the written files, give
 * the expected numbers. `unverified`: the checks that ran passed, but something could not be fed,
 * run or read here, or its source gives nothing to compare with. `failed`: the files are wrong.
 */
export interface Verification {
  status: 'verified' | 'in-parts' | 'unverified' | 'failed';
  checks: VerifyCheck[];
  /** What the checks ran on; null when none ran. */
  device: { kind: DeviceKind; name: string } | null;
  seconds: number;
}

/** What was written: files of a folder, or a zip of them. */
export type Written =
  | { kind: 'files'; name: string; files: { path: string; file: Blob }[] }
  | { kind: 'zip'; blob: Blob };

export interface VerifyRequest {
  written: Written;
  /** Path of the graph within what was written. */
  graph: string;
  /** Token ids of one window. */
  window: number[];
  /**
   * NLL of window[1..] for this plan, nats; null when the graph gives no per-token logits.
   */
  nll: Float32Array | null;
  /** Why `nll` is null, unless the form of the graph is the reason. */
  nllObstacle?: string | undefined;
  /** Why `nll` is not finite, where the source's is not either: the end of a sentence. */
  noNumbers?: string | undefined;
  numBlocks: number;
  /**
   * The model it was made of: every tensor is compared byte by byte. `isFloats`: matrices in few
   * bits of tensor files were made float32 first.
   */
  source: { folder: FolderSource; graph: string; removed: Unit[]; isFloats: boolean };
  /** What was done to it after the removal. */
  steps: readonly StepChoice[];
  device: { kind: DeviceKind; subgroups: boolean };
  /** Memory budget of the runs; by default that of scoring. */
  budgetBytes?: number | undefined;
}

export interface VerifyApi {
  verify(request: VerifyRequest, onProgress: (progress: Progress) => void): Promise<Verification>;
}

export const VERIFY_METHODS = { verify: {} } as const satisfies Methods<VerifyApi>;
