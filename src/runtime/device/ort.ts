// Which build of ONNX Runtime is loaded, once per loader. It must not import a build itself: that
// would put every build into every bundle (ort.web.ts and ort.node.ts import them by need).

import type * as Ort from 'onnxruntime-web';
import type { ThreadMeasurement } from '../../contract/device.ts';
import { EspalierError } from '../../errors.ts';

export type OrtModule = typeof Ort;

/**
 * 'plain' = CPU kernels only, the only build whose CPU provider has GatherBlockQuantized;
 * 'jspi' and 'asyncify' = the native WebGPU provider, differing in how wasm waits for promises
 * (runtime notes, "Builds and loading").
 */
export type WasmBuild = 'plain' | 'jspi' | 'asyncify';

/** 'native' = onnxruntime-node, which has the same interface; the others are onnxruntime-web's. */
export type OrtBuild = WasmBuild | 'native';

export type OrtPackage = 'onnxruntime-web' | 'onnxruntime-node';

/**
 * How this environment (browser worker or Node) finds ONNX Runtime and the GPU; entries pass one
 * in.
 */
export interface OrtLoader {
  /** Imports the build and points it at its wasm file. Called once per build. */
  load(build: WasmBuild): Promise<OrtModule>;
  /**
   * Imports native ONNX Runtime; absent in a browser. Rejects where the package is not installed or
   * has no binary for this platform.
   */
  native?(): Promise<OrtModule>;
  /** Threads of the native CPU device. */
  readonly threads?: number;
  /** Most threads that the plain build can have; one where this is missing. */
  mostThreads?(): number;
  /** The WebGPU entry point, or null where there is none. */
  gpu(): Promise<GPU | null>;
  /** How many threads the plain build gets and why; null or absent where there can be but one. */
  threadMeasurement?(): Promise<ThreadMeasurement | null>;
}

/**
 * A loaded build. Creates, runs and releases of all its sessions go through one lock: overlapping
 * them corrupts asyncify builds.
 */
export interface OrtRuntime {
  readonly ort: OrtModule;
  readonly package: OrtPackage;
  readonly build: OrtBuild;
  readonly version: string;
  exclusive<T>(work: () => Promise<T>): Promise<T>;
}

/** Package, version and build for people: "onnxruntime-web 1.30.0 (jspi)". */
export function runtimeOf(of: Pick<OrtRuntime, 'package' | 'version' | 'build'>): string {
  return `${of.package} ${of.version} (${of.build})`;
}

const loaded = new WeakMap<OrtLoader, Map<OrtBuild, Promise<OrtRuntime>>>();

/**
 * The build, loaded at most once per loader. @throws EspalierError `bug` when its files cannot be
 * loaded, `bad-input` for a native build that is not there.
 */
export function loadOrt(loader: OrtLoader, build: OrtBuild): Promise<OrtRuntime> {
  const builds = loaded.get(loader) ?? new Map<OrtBuild, Promise<OrtRuntime>>();
  loaded.set(loader, builds);
  const known = builds.get(build);
  if (known) return known;
  const fresh = build === 'native' ? startNative(loader) : start(loader, build);
  builds.set(build, fresh);
  fresh.catch(() => builds.delete(build));
  return fresh;
}

async function start(loader: OrtLoader, build: WasmBuild): Promise<OrtRuntime> {
  try {
    const ort = await loader.load(build);
    return {
      ort,
      package: 'onnxruntime-web',
      build,
      version: ort.env.versions.web ?? ort.env.versions.common,
      exclusive: createLock(),
    };
  } catch (error) {
    throw new EspalierError(
      'bug',
      `ONNX Runtime (${build} build) could not be loaded.`,
      'Reload the page; behind a strict Content-Security-Policy allow wasm-unsafe-eval.',
      String(error),
    );
  }
}

async function startNative(loader: OrtLoader): Promise<OrtRuntime> {
  const missing = (detail: string): EspalierError =>
    new EspalierError(
      'bad-input',
      'Native ONNX Runtime (the package onnxruntime-node) is not installed, or has no build for ' +
        'this platform.',
      'Install onnxruntime-node, or use the CPU (wasm).',
      detail,
    );
  if (!loader.native) throw missing('A browser cannot load it.');
  const ort = await loader.native().catch((error: unknown) => {
    throw missing(String(error));
  });
  const { node, common } = ort.env.versions;
  return {
    ort,
    package: 'onnxruntime-node',
    build: 'native',
    version: node ?? common,
    exclusive: createLock(),
  };
}

/** A queue of one: each piece of work starts when the previous one has settled. */
export function createLock(): <T>(work: () => Promise<T>) => Promise<T> {
  let tail: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = tail.then(work, work);
    tail = turn.catch(() => {});
    return turn;
  };
}
