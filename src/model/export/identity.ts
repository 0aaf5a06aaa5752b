// Recognises a model by its graph, its file list and samples of its weights, which are never
// read whole.

import { filesOf } from '../../onnx/bytes.ts';
import type { Model } from '../../onnx/graph.ts';
import { type Folder, openFile } from '../../onnx/source.ts';
import type { TensorFiles } from '../../tensors/tensorFiles.ts';
import type { TensorSource } from '../make/weights.ts';
import { type ModelPlace, type ModelRoot, withinTop } from '../open/root.ts';

/** Graph files above this size hold weights inside; then the first bytes stand for the file. */
const WHOLE_GRAPH_BYTES = 64 * 2 ** 20;
const SAMPLES = 64;
const SAMPLE_BYTES = 64 * 1024;

/** What makes a source recognisable again. */
export interface Identity {
  /** Path of the graph, or of the tensor files, within the folder. */
  graph: string;
  /**
   * Hex SHA-256 of the graph file, of its first 64 MiB when it is larger. Of tensor files: of their
   * headers one after the other, those of safetensors after config.json.
   */
  graphSha256: string;
  /** Names and sizes of all files of the model's folder, sorted by path. */
  files: { path: string; bytes: number }[];
  /**
   * Hex SHA-256 over up to 64 ranges of 64 KiB, spread evenly over the files that hold the weights.
   */
  weightsSha256: string;
}

/**
 * The identity of a model folder. Reads the graph file, or the headers of tensor files, and at most
 * 4 MiB of weights.
 * @throws EspalierError `missing-file` when the graph or a weights file is gone.
 */
export async function identify(
  { folder, graphPath, root, tensorSource = null }: IdentifiedPlace,
  model: Model,
): Promise<Identity> {
  const files = folder.files
    .filter(({ path }) => path.startsWith(root.top) && !folder.made?.(path))
    .map(({ path, size }) => ({ path: withinTop(root, path), bytes: size }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  return {
    graph: withinTop(root, graphPath),
    graphSha256: tensorSource
      ? await hashHeaders(folder, root, tensorSource.files)
      : await hashGraph(folder, graphPath),
    files,
    weightsSha256: await hashSamples(folder, filesOf(model)),
  };
}

interface IdentifiedPlace extends ModelPlace {
  /** Null or absent for a model that has a graph. */
  tensorSource?: Pick<TensorSource, 'files'> | null;
}

async function hashGraph(folder: Folder, path: string): Promise<string> {
  const graph = openFile(folder, path);
  return sha256(await graph.read(0, Math.min(graph.size, WHOLE_GRAPH_BYTES)));
}

/** What says which model the tensors are: their headers, and the config that these do not hold. */
async function hashHeaders(folder: Folder, root: ModelRoot, files: TensorFiles): Promise<string> {
  const config = files.format === 'safetensors' ? root.folder.open('config.json') : null;
  const chunks = config ? [await config.read(0, config.size)] : [];
  for (const { path, dataStart } of files.files)
    chunks.push(await openFile(folder, path).read(0, dataStart));
  return sha256(joined(chunks));
}

/**
 * Why two identities are not the same model, as a sentence; null when they are. Files beside the
 * graph and its weights may differ.
 */
export function difference(expected: Identity, found: Identity): string | null {
  if (expected.graphSha256 !== found.graphSha256)
    return `The graph ${found.graph} is not the one that was scored (${expected.graph}).`;
  if (expected.weightsSha256 !== found.weightsSha256)
    return `The weights of ${found.graph} differ from the ones that were scored.`;
  return null;
}

async function hashSamples(folder: Folder, names: readonly string[]): Promise<string> {
  const sources = names.map((name) => openFile(folder, name));
  const total = sources.reduce((sum, source) => sum + source.size, 0);
  const chunks: Uint8Array[] = [];
  for (let k = 0; k < SAMPLES; k++) {
    let at = Math.floor((Math.max(0, total - SAMPLE_BYTES) * k) / (SAMPLES - 1));
    const source = sources.find((candidate) => {
      if (at < candidate.size) return true;
      at -= candidate.size;
      return false;
    });
    if (source) chunks.push(await source.read(at, Math.min(SAMPLE_BYTES, source.size - at)));
  }
  return sha256(joined(chunks));
}

function joined(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.length;
  }
  return all;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
