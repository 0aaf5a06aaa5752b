// Lists the graphs of a folder, and of which model each of them is.

import { type Folder, readText } from '../../onnx/source.ts';
import { DTYPE_SUFFIX } from '../export/names.ts';
import { topByName } from './root.ts';
import type { GraphChoice } from './summary.ts';

/**
 * The ONNX files of a folder of any layout, shortest path first. `dtype` is taken from the name;
 * the real one is known once the graph is opened.
 */
export function listGraphs(folder: Folder): GraphChoice[] {
  const paths = new Set(folder.files.map(({ path }) => path));
  const graphs = folder.files.filter(
    (f) =>
      f.path.toLowerCase().endsWith('.onnx') &&
      !f.path.split('/').some((part) => part.startsWith('.')),
  );
  return graphs
    .map(({ path, size }) => ({
      path,
      dtype: dtypeOfName(path),
      model: topByName(paths, path),
      bytes: folder.files.reduce((n, f) => n + (isDataOf(f.path, path) ? f.size : 0), size),
    }))
    .sort((a, b) => a.path.length - b.path.length || (a.path < b.path ? -1 : 1));
}

/** Longest content of `refs/main`: the name of a snapshot. */
const MAX_REF_BYTES = 256;

/**
 * The graphs of a folder as `listGraphs` gives them; of a repository in a download cache those of
 * the snapshot that `refs/main` names, where it is there.
 */
export async function currentGraphs(folder: Folder): Promise<GraphChoice[]> {
  const graphs = listGraphs(folder);
  const current = new Map<string, string | null>();
  for (const { path } of graphs) {
    const [, repository, snapshot] = SNAPSHOT.exec(path) ?? [];
    if (repository === undefined || snapshot === undefined || current.has(repository)) continue;
    const ref = `${repository}refs/main`;
    const isShort = (folder.open(ref)?.size ?? 0) <= MAX_REF_BYTES;
    const named = isShort ? await readText(folder, ref, MAX_REF_BYTES) : null;
    const at = named === null ? null : `${repository}snapshots/${named.trim()}/`;
    current.set(repository, at !== null && graphs.some((g) => g.path.startsWith(at)) ? at : null);
  }
  return graphs.filter(({ path }) => {
    const at = current.get(SNAPSHOT.exec(path)?.[1] ?? '\0');
    return !at || path.startsWith(at);
  });
}

/** The folder of the repository and the name of the snapshot in a path of a download cache. */
const SNAPSHOT = /^((?:.*\/)?(?:models--[^/]+\/)?)snapshots\/([^/]+)\//;

function dtypeOfName(path: string): string {
  const stem = path.slice(path.lastIndexOf('/') + 1, -'.onnx'.length).toLowerCase();
  const suffix = DTYPE_SUFFIX.exec(stem)?.[1];
  if (suffix === 'quantized') return 'int8';
  return suffix ?? 'fp32';
}

/** True for external data: model.onnx_data, model.onnx_data_1, model.onnx.data or model.data. */
function isDataOf(file: string, graph: string): boolean {
  if (file === graph) return false;
  const stem = graph.slice(0, -'.onnx'.length);
  return [graph, stem].some(
    (prefix) => file.startsWith(prefix) && /^[_.]data(_\d+)?$/.test(file.slice(prefix.length)),
  );
}
