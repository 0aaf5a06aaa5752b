// Reads a graph file with its external data and compiles it exactly as the bytes are: an export is
// measured and verified as it was written.

import { EspalierError, throwIfCancelled } from '../../errors.ts';
import { manifestSource } from '../../model/export/folder.ts';
import { graphFiles } from '../../model/export/graphFiles.ts';
import { encodeInPlace } from '../../model/export/inPlace.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { filesOf } from '../../onnx/bytes.ts';
import { type ByteSource, openFile } from '../../onnx/source.ts';
import { formatBytes } from '../../quantities.ts';
import type { Compiled, Engine, ExternalData } from '../device/engine.ts';
import { READ_BYTES } from '../weights/readRanges.ts';
import { type GraphIo, graphIo } from './graphIo.ts';
import { deviceAdvice, deviceObstacle } from './runnable.ts';

export interface LoadOptions {
  signal?: AbortSignal | undefined;
  /**
   * Embeddings, and inputs of unknown meaning, are fed with fixed arbitrary numbers: enough to
   * compare runs with each other, meaningless as text.
   */
  standIns?: boolean;
  /** Find out whether ONNX Runtime would record runs of this graph. */
  graphCapture?: boolean;
  /** Bytes read so far, and all that will be read. */
  onBytes?: ((done: number, total: number) => void) | undefined;
  /** Everything is read; what follows is ONNX Runtime's own time. */
  onCompile?: (() => void) | undefined;
}

/** A compiled graph file. Several decoders may use it, one run at a time. */
export interface LoadedGraph {
  engine: Engine;
  compiled: Compiled;
  io: GraphIo;
  /**
   * Where graph capture was asked for: the reason why ONNX Runtime would not record this graph, or
   * null, and how long finding out took, s.
   */
  capture?: { obstacle: string | null; seconds: number };
  /** Releases the session. */
  release(): Promise<void>;
}

/**
 * The folder may be a disk, a zip or a manifest; where the engine streams blobs and the source has
 * them, external data is never copied to memory.
 * @throws EspalierError `unsupported-op` (see `deviceObstacle`), `unsupported-graph`,
 *   `out-of-memory`, `missing-file`, `device-lost`, `cancelled`.
 */
export async function loadGraph(
  opened: OpenedModel,
  engine: Engine,
  options: LoadOptions = {},
): Promise<LoadedGraph> {
  const io = graphIo(opened, options.standIns ?? false);
  const reason = deviceObstacle(engine.kind, opened);
  if (reason) throw new EspalierError('unsupported-op', reason, deviceAdvice(engine.kind, opened));
  const { graphPath } = opened;
  const { files, made } = await filesToLoad(opened);
  const total = files.reduce((sum, { source }) => sum + source.size, 0);
  let done = 0;
  const onBytes = (bytes: number): void => {
    done += bytes;
    options.onBytes?.(done, total);
  };
  let graph = made ?? new Uint8Array(0);
  const externalData: ExternalData[] = [];
  const disk = engine.diskCopies === null ? null : diskFolder(opened);
  for (const { path, source, isGraph } of files) {
    if (!isGraph && disk !== null) {
      onBytes(source.size);
      continue;
    }
    const blob = !isGraph && engine.streamsBlobs ? source.blob?.(0, source.size) : undefined;
    if (blob) onBytes(source.size);
    const data = blob ?? (await readWhole(path, source, onBytes, options.signal));
    if (isGraph && data instanceof Uint8Array) graph = data;
    else externalData.push({ path, data });
  }
  throwIfCancelled(options.signal);
  options.onCompile?.();
  const tried = performance.now();
  const obstacle = options.graphCapture
    ? await engine.captureObstacle(graphPath, graph, externalData)
    : undefined;
  const seconds = (performance.now() - tried) / 1000;
  const compiled = await engine
    .compileModel(graphPath, graph, externalData, disk ?? undefined)
    .catch(async (error: unknown) => {
      // ONNX Runtime reads the blobs by itself: a file that has been removed since fails again
      // here, with a better message.
      for (const { source } of files) await source.read(0, Math.min(1, source.size));
      throw error;
    });
  return {
    engine,
    compiled,
    io,
    ...(obstacle === undefined ? {} : { capture: { obstacle, seconds } }),
    release: async () => {
      await engine.release([compiled]);
      engine.trim();
    },
  };
}

/** A file that a graph is compiled from. */
interface FileToLoad {
  /** As the graph names it. */
  path: string;
  source: ByteSource;
  isGraph: boolean;
}

/** What is read to compile the graph, and its own bytes where no file has them. */
async function filesToLoad(
  opened: OpenedModel,
): Promise<{ files: FileToLoad[]; made: Uint8Array<ArrayBuffer> | null }> {
  const { folder, whole, tensorSource } = opened;
  if (tensorSource) {
    // Its weights are computed from the tensor files: laid out as an export would have them.
    const options = { kind: 'other', taken: new Set<string>(), partBytes: undefined } as const;
    const [graph, ...data] = (await graphFiles(folder, MADE_GRAPH, whole.model, options)).files;
    return {
      files: data.map((file) => ({
        path: file.path,
        source: manifestSource(file, folder),
        isGraph: false,
      })),
      made: await manifestSource(graph!, folder).read(0, graph!.size),
    };
  }
  const { directory, paths } = externalFiles(opened);
  const files = paths.map((path) => ({
    path: path.startsWith(directory) ? path.slice(directory.length) : path,
    source: openFile(folder, path),
    isGraph: false,
  }));
  return whole.path === null
    ? { files, made: await encodeInPlace(whole.model, folder) }
    : {
        files: [
          { path: whole.path, source: openFile(folder, whole.path), isGraph: true },
          ...files,
        ],
        made: null,
      };
}

/** The name under which a graph that no file has names its data. */
const MADE_GRAPH = 'model.onnx';

/** Files that the tensors lie in, and the folder that the graph names them from. */
function externalFiles({ whole, graphPath }: OpenedModel): { directory: string; paths: string[] } {
  return {
    directory: whole.path === null ? '' : graphPath.slice(0, graphPath.lastIndexOf('/') + 1),
    paths: filesOf(whole.model).filter((path) => path !== whole.path),
  };
}

/**
 * The folder of the local disk in which the external data lies as the graph names it; null where
 * some of it does not.
 */
export function diskFolder(opened: OpenedModel): string | null {
  if (opened.tensorSource) return null;
  const { directory, paths } = externalFiles(opened);
  const { folder } = opened;
  const roots = new Set(
    paths.map((path) => {
      const file = folder.diskPath?.(path)?.replaceAll('\\', '/') ?? null;
      const name = path.startsWith(directory) ? path.slice(directory.length) : null;
      return file !== null && name !== null && file.endsWith(`/${name}`)
        ? file.slice(0, -name.length - 1)
        : null;
    }),
  );
  const [root = null] = roots;
  return roots.size === 1 ? root : null;
}

async function readWhole(
  path: string,
  source: ByteSource,
  onBytes: (bytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = new Uint8Array(source.size);
  } catch (error) {
    throw new EspalierError(
      'out-of-memory',
      `${path} (${formatBytes(source.size)}) does not fit into memory.`,
      'Export a smaller or quantised model to run it here.',
      String(error),
    );
  }
  for (let at = 0; at < source.size; at += READ_BYTES) {
    throwIfCancelled(signal);
    const length = Math.min(READ_BYTES, source.size - at);
    bytes.set(await source.read(at, length), at);
    onBytes(length);
  }
  return bytes;
}
