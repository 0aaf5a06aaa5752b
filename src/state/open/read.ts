// Reads a folder for the page: the graph that was asked for, or a choice among several.

import type { FolderSource, OpenResult } from '../../contract/open.ts';
import type { Progress } from '../../contract/progress.ts';
import type { StudioApi } from '../../contract/studio.ts';
import type { OpenModel } from './state.ts';

export interface OpenOptions {
  /** Path of the graph to open. */
  graph?: string | undefined;
  /** Opened without a question when the folder has several graphs. */
  preferred?: string;
  /** The source stands for the folder that is open. */
  again?: boolean;
}

interface Read {
  result: OpenResult;
  /** Graphs of the folder, as far as they are known. */
  graphs: OpenModel['graphs'];
}

/** When the folder has several graphs and the preferred one is among them, reads that one. */
export async function readFolder(
  api: Pick<StudioApi, 'open'>,
  source: FolderSource,
  { graph, preferred }: OpenOptions,
  known: OpenModel['graphs'],
  isNewest: () => boolean,
  onProgress: (progress: Progress) => void,
): Promise<Read> {
  const follow = (progress: Progress) => {
    if (isNewest()) onProgress(progress);
  };
  const result = await api.open(graph === undefined ? { source } : { source, graph }, follow);
  if (!isNewest() || result.kind === 'opened' || preferred === undefined)
    return { result, graphs: known };
  if (result.graphs.every(({ path }) => path !== preferred)) return { result, graphs: known };
  return { result: await api.open({ source, graph: preferred }, follow), graphs: result.graphs };
}
