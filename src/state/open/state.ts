// What the page knows of the open model, and of the folder that is being read.

import type { ChatSupport, FolderSource } from '../../contract/open.ts';
import type { Progress } from '../../contract/progress.ts';
import type { GraphChoice, ModelSummary } from '../../model/open/summary.ts';
import type { Restored } from '../export/provenance.ts';
import { reset } from '../slice.ts';

export interface OpenModel {
  source: FolderSource;
  summary: ModelSummary;
  hasTokenizer: boolean;
  /** State of its chat template, an error in the template's own words. */
  chat: ChatSupport;
  /** Graphs of the folder when it has several, so that another one can be chosen. */
  graphs: readonly GraphChoice[];
  /** What the folder was made from, when it is an export of ours. */
  madeFrom: Restored | null;
}

export interface ModelSlice {
  current: OpenModel | null;
  /** Name of the folder that is being read, or null. */
  opening: string | null;
  /** How far its graph is read, in bytes; null until that is known. */
  progress: Progress | null;
  /** A folder waits for leave to be opened, as that would lose something, in words. */
  asking: { name: string; loss: string } | null;
  /**
   * A folder with several graphs waits for a choice; `model` is the one of its models that was
   * chosen (`GraphChoice.model`), null before.
   */
  chooser: {
    source: FolderSource;
    name: string;
    graphs: readonly GraphChoice[];
    model: string | null;
  } | null;
}

/** Opening sets it anew. */
export const MODEL = reset<ModelSlice>({
  current: null,
  opening: null,
  progress: null,
  chooser: null,
  asking: null,
});
