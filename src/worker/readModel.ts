// Opens a model from its files: the graph to choose where there are several, else its structure and
// what else its folder holds.

import type { OpenRequest, OpenResult } from '../contract/open.ts';
import type { Progress } from '../contract/progress.ts';
import { withReadProgress } from '../files/readProgress.ts';
import { MAX_PROVENANCE_BYTES, PROVENANCE_FILE } from '../model/export/provenance.ts';
import { isTensorFiles } from '../model/graphs/tensorChoices.ts';
import { currentGraphs } from '../model/open/graphs.ts';
import { type OpenedModel, openModel } from '../model/open/open.ts';
import { type Folder, readText } from '../onnx/source.ts';
import { chatOf } from '../runtime/decode/variantText.ts';
import { folderOf } from './folderOf.ts';

interface ReadModel {
  /** Null when the page must choose a graph first. */
  opened: OpenedModel | null;
  /** The answer to the page. */
  result: OpenResult;
  /** Reports the graph as read whole, when the model is in use. */
  finish(): void;
}

/** @throws EspalierError from the folder and the graph */
export async function readModel(
  { source, graph: chosen }: OpenRequest,
  onEvent: (progress: Progress) => void,
): Promise<ReadModel> {
  const folder = await folderOf(source);
  const graphs = await currentGraphs(folder);
  if (graphs.length > 1 && chosen === undefined)
    return {
      opened: null,
      result: { kind: 'choose', name: folder.name, graphs },
      finish: () => {},
    };
  const path = chosen ?? graphs[0]?.path;
  const graph = folder.open(path ?? '');
  const total = graph?.size ?? 0;
  const onRead = (done: number): void =>
    onEvent({ job: 'open', phase: 'read', done, total, unit: 'bytes', secondsLeft: null });
  onRead(0);
  // Of tensor files headers alone are read, from the folder that the model then has.
  const read = await openModel(
    path !== undefined && isTensorFiles(path) ? folder : withReadProgress(folder, graph, onRead),
    path,
  );
  const opened = read.tensorSource ? read : { ...read, folder };
  const { folder: files, top } = opened.root;
  const result: OpenResult = {
    kind: 'opened',
    model: opened.summary,
    provenance: await provenanceOf(folder, top + PROVENANCE_FILE),
    hasTokenizer: files.open('tokenizer.json') !== null,
    chat: await chatOf(files),
  };
  return { opened, result, finish: () => onRead(total) };
}

/** A longer file was not written by Espalier; it must not keep the model from opening. */
async function provenanceOf(folder: Folder, path: string): Promise<string | null> {
  const size = folder.open(path)?.size ?? 0;
  return size <= MAX_PROVENANCE_BYTES ? readText(folder, path, MAX_PROVENANCE_BYTES) : null;
}
