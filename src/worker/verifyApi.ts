// The contract between the studio worker and the fresh worker that verifies an export. Types only.

import type { Unit } from '../units.ts';
import type { DeviceKind, FolderSource, Progress, Verification } from './api.ts';

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
   * The studio's own NLL of window[1..] for this plan, nats; null when the graph gives no per-token
   * logits.
   */
  nll: Float32Array | null;
  /** Why there is none, where it is not the graph's form. */
  whyNoNll?: string | undefined;
  numBlocks: number;
  /** The model it was made of: every tensor is compared byte by byte. */
  source: { folder: FolderSource; graph: string; removed: Unit[] };
  device: { kind: DeviceKind; subgroups: boolean };
  /** Bytes that running may take; by default what scoring may take. */
  budgetBytes?: number | undefined;
}

export interface VerifyApi {
  verify(request: VerifyRequest, onProgress: (progress: Progress) => void): Promise<Verification>;
}
