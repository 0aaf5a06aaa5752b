// How many bytes scoring may take by default. Found without allocating: a probe that fails can take
// the tab with it.

const GIB = 2 ** 30;
/** Share of a limit that is used by default: drivers, the page and other tabs need the rest. */
const SHARE = 0.7;
/**
 * WebGPU does not say how much memory a GPU has. This is a guess; where it is too high, weights are
 * streamed from the first refusal on.
 */
const GPU_LIMIT_BYTES = 12 * GIB;
/**
 * A GPU that allows only small buffers is a small one: it is trusted with this many of its largest.
 * Most desktops allow 2 GiB, which gives 12.
 */
const LARGEST_BUFFERS = 6;
/**
 * Typed arrays of one tab. Weights and hidden states lie there; only what one run needs is copied
 * into the 4 GiB of the wasm heap.
 */
const WASM_LIMIT_BYTES = 8 * GIB;

/** Bytes that a device is believed to have for one tab or process. */
function probedLimit(kind: 'webgpu' | 'wasm' | 'cpu', maxBufferBytes: number): number {
  if (kind === 'webgpu') return Math.min(GPU_LIMIT_BYTES, LARGEST_BUFFERS * maxBufferBytes);
  const machine = machineMemory() ?? WASM_LIMIT_BYTES;
  // A native process may have all that the machine has.
  return kind === 'cpu' ? machine : Math.min(WASM_LIMIT_BYTES, machine);
}

/** The default budget in bytes: 70 % of the probed limit. */
export function defaultBudget(kind: 'webgpu' | 'wasm' | 'cpu', maxBufferBytes: number): number {
  return Math.floor(SHARE * probedLimit(kind, maxBufferBytes));
}

interface Platform {
  navigator?: { deviceMemory?: unknown };
  process?: {
    getBuiltinModule?(name: 'node:os'): { totalmem(): number } | undefined;
    constrainedMemory?(): number;
  };
}

/**
 * Memory of the machine in bytes where the platform says it: a browser in steps, at most 8 GiB in
 * older versions; Node exactly, or what a container may have of it.
 */
function machineMemory(): number | null {
  const { navigator, process } = globalThis as Platform;
  const total = process?.getBuiltinModule?.('node:os')?.totalmem();
  if (total !== undefined) return Math.min(total, process?.constrainedMemory?.() || total);
  const gigabytes = navigator?.deviceMemory;
  return typeof gigabytes === 'number' && gigabytes > 0 ? gigabytes * GIB : null;
}
