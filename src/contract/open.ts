// Where the files of a model are, and what opening them gives.

import type { GraphChoice, ModelSummary } from '../model/open/summary.ts';

/** Where a model's files are. Files travel by reference; hosted files are read by range. */
export type FolderSource =
  | { kind: 'files'; name: string; files: { path: string; file: File }[] }
  | { kind: 'hosted'; name: string; baseUrl: string; files: { path: string; size: number }[] };

/**
 * Whether a model has a chat template. `none`: raw prompts only. A string is the error of a
 * template or tokenizer that is there and broken.
 */
export type ChatSupport = 'ok' | 'none' | { error: string };

export interface OpenRequest {
  source: FolderSource;
  /** Path of the graph to open when the folder has several. */
  graph?: string;
}

export type OpenResult =
  | { kind: 'choose'; name: string; graphs: GraphChoice[] }
  | {
      kind: 'opened';
      model: ModelSummary;
      /** Text of an espalier.json found in the folder: the folder is an export of ours. */
      provenance: string | null;
      /** False when there is no tokenizer; scoring then needs token ids. */
      hasTokenizer: boolean;
      /**
       * Of its chat template; a tokenizer that turns out broken is found when a prompt is encoded.
       */
      chat: ChatSupport;
    };
