// What is in the portable kit, and where each file comes from.

/** A file or folder of the repository, and its place in the kit. */
export interface Entry {
  from: string;
  to: string;
  /** Compressed further than the archive itself, and expanded when the kit is first started. */
  packed?: true;
  /** May be started. */
  executable?: true;
}

/** Most bytes of the archive: what mail and issue trackers take. */
export const ARCHIVE_LIMIT = 28_000_000;

/** Entries of the bundle: its modules in the kit, and what they are made of. */
export const BUNDLE = { espalier: 'src/cli/main.ts', gpu: 'scripts/gpu.ts' } as const;

/** Packages whose files lie beside the bundle, where Node finds them as it does when installed. */
export const BESIDE = ['onnxruntime-web', 'onnxruntime-node', 'onnxruntime-common', 'webgpu'];

const WEB = 'node_modules/onnxruntime-web';
const NODE = 'node_modules/onnxruntime-node';
const COMMON = 'node_modules/onnxruntime-common';
const NATIVE = `${NODE}/bin/napi-v6/linux/x64`;
const same = (path: string): Entry => ({ from: path, to: path });

/** Everything that the kit needs to run, but its bundle. */
export const KIT: readonly Entry[] = [
  { from: 'kit/espalier', to: 'espalier', executable: true },
  { from: 'kit/gpu.sh', to: 'gpu.sh', executable: true },
  { from: 'kit/README.md', to: 'README.md' },
  { from: 'kit/lib/start.sh', to: 'lib/start.sh' },
  { from: 'kit/lib/unpack.mjs', to: 'lib/unpack.mjs' },
  same('LICENSE'),
  same('public/sample'),
  same('public/text'),
  same(`${WEB}/package.json`),
  // The file by which Node finds the folder, and the modules that are loaded from it.
  same(`${WEB}/dist/ort.wasm.min.js`),
  same(`${WEB}/dist/ort.wasm.min.mjs`),
  same(`${WEB}/dist/ort.node.min.mjs`),
  same(`${WEB}/dist/ort.webgpu.min.mjs`),
  same(`${WEB}/dist/ort-wasm-simd-threaded.mjs`),
  same(`${WEB}/dist/ort-wasm-simd-threaded.asyncify.mjs`),
  { ...same(`${WEB}/dist/ort-wasm-simd-threaded.wasm`), packed: true },
  { ...same(`${WEB}/dist/ort-wasm-simd-threaded.asyncify.wasm`), packed: true },
  // Of the module with threads.
  same(`${COMMON}/package.json`),
  same(`${COMMON}/dist/esm`),
  same('node_modules/webgpu/package.json'),
  same('node_modules/webgpu/index.js'),
  same('node_modules/webgpu/LICENSE.md'),
  { ...same('node_modules/webgpu/dist/linux-x64/dawn.node'), packed: true },
];

/**
 * Native ONNX Runtime for the CPU, which has no room in the kit: an archive of its own that is
 * unpacked over it.
 */
export const NATIVE_CPU: readonly Entry[] = [
  same(`${NODE}/package.json`),
  same(`${NODE}/dist/index.js`),
  same(`${NODE}/dist/backend.js`),
  same(`${NODE}/dist/binding.js`),
  same(`${NODE}/dist/version.js`),
  same(`${NATIVE}/libonnxruntime.so.1`),
  same(`${NATIVE}/onnxruntime_binding.node`),
  same(`${COMMON}/dist/cjs`),
  { from: 'kit/licences/onnxruntime.txt', to: `${NODE}/LICENSE.txt` },
];

/** What is wrong with the size of an archive, as a sentence; null when it is within the limit. */
export function sizeObstacle(
  name: string,
  bytes: number,
  files: readonly { path: string; bytes: number }[],
): string | null {
  if (bytes < ARCHIVE_LIMIT) return null;
  const largest = [...files].sort((a, b) => b.bytes - a.bytes).slice(0, 5);
  return (
    `${name} is ${megabytes(bytes)}, and may be at most ${megabytes(ARCHIVE_LIMIT)}. The largest ` +
    `files in it: ${largest.map((file) => `${file.path} (${megabytes(file.bytes)})`).join(', ')}.`
  );
}

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
