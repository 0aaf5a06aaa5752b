// ONNX Runtime's own messages as coded errors with a next step.

import { EspalierError } from '../../errors.ts';
import { formatBytes } from '../../quantities.ts';

const MEMORY_HINT =
  'Lower the memory budget, so that weights are read as they are needed; or use fewer or ' +
  'shorter windows, close other tabs, or open a quantised graph.';

/** A buffer that did not fit; 0 bytes where the size is not known. */
export function outOfMemory(what: string, bytes: number, detail = ''): EspalierError {
  return new EspalierError(
    'out-of-memory',
    bytes > 0
      ? `${what} needs ${formatBytes(bytes)}, which this device could not provide.`
      : `${what} needs more memory than this device could provide.`,
    MEMORY_HINT,
    detail,
  );
}

/** Something that one buffer cannot hold, whatever is free. */
export function bufferLimit(
  what: string,
  bytes: number,
  limit: number,
  hint = 'Use the CPU (wasm), or open a quantised graph of the model.',
): EspalierError {
  return new EspalierError(
    'too-large',
    `${what} is ${formatBytes(bytes)}, but this device allows at most ${formatBytes(limit)} ` +
      'in one buffer.',
    hint,
  );
}

export function deviceLost(detail: string): EspalierError {
  return new EspalierError(
    'device-lost',
    'The GPU was lost while it was working.',
    'The engine restarts by itself: repeat the last step. If it happens again, use the CPU ' +
      '(wasm).',
    detail,
  );
}

const OUT_OF_MEMORY = [
  /out of memory|bad_alloc|memory access out of bounds/i,
  /allocation failed|Array buffer allocation|Failed to allocate|Cannot enlarge/i,
];
const NO_KERNEL = [
  /NOT_IMPLEMENTED|Could not find an implementation/i,
  /not a registered function|No Op registered|no kernel/i,
  /not (yet )?(implemented|supported)|does not support|Unsupported/i,
];
/** A kernel that refuses attributes when it is made; ONNX Runtime says so with a general code. */
const KERNEL_MADE = /::(\w+)\(const OpKernelInfo ?&\)(?: \[[^\]]*\])? (.*)/s;

/** The host cannot be reached, or has not the build that the page asks for. */
const NOT_FETCHED =
  /no available backend found.*(NetworkError|fetch|Failed to load|Load failed|importing a module)/is;

/** What a failed create or run means. `doing` completes "while ...". */
export function fault(error: unknown, doing: string): EspalierError {
  if (error instanceof EspalierError) return error;
  const text = error instanceof Error ? error.message : String(error);
  // A worker never gets over it: like a lost device, it has to begin anew.
  if (NOT_FETCHED.test(text))
    return new EspalierError(
      'device-lost',
      'The wasm file of ONNX Runtime could not be fetched.',
      'Check the connection to the host, then try again.',
      text,
    );
  if (OUT_OF_MEMORY.some((pattern) => pattern.test(text)))
    return new EspalierError('out-of-memory', `Memory ran out while ${doing}.`, MEMORY_HINT, text);
  if (/device (is |was )?lost|DeviceLost|destroyed device/i.test(text)) return deviceLost(text);
  const made = KERNEL_MADE.exec(text);
  if (made || NO_KERNEL.some((pattern) => pattern.test(text)))
    return new EspalierError(
      'unsupported-op',
      `This device has no kernel for ${operator(text)} (while ${doing})${reason(made?.[2])}.`,
      'Try another device: WebGPU, or the CPU. Pruning needs none.',
      text,
    );
  const running = RUNNING.exec(text)?.[1];
  return new EspalierError(
    'bug',
    `ONNX Runtime failed while ${doing}${running ? `, at the operator ${running}` : ''}.`,
    'Try another device; if it fails there too, please report the detail.',
    text,
  );
}

/** What ONNX Runtime says of the node that failed while a graph ran. */
const RUNNING = /while running (\w+) node/;

/** The end of what a kernel says, without the condition that it tested. */
function reason(said: string | undefined): string {
  const sentence = said
    ?.replace(/^.* was false\.\s*/s, '')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/\.$/, '');
  return sentence ? `: ${sentence}` : '';
}

function operator(text: string): string {
  // Kernels are made in classes named after their operator, or in a common base of several.
  const base = KERNEL_MADE.exec(text)?.[1];
  const name =
    RUNNING.exec(text)?.[1] ??
    base?.replace(/(Base)?(CPU|Cpu)$/, '').replace(/Base$/, '') ??
    /implementation for ([\w.]+\(\d+\))/.exec(text)?.[1] ??
    /([\w.]+:\w+)\(-?\d+\) is not a registered/.exec(text)?.[1] ??
    /No Op registered for (\w+)/.exec(text)?.[1];
  return name ?? 'one of its operators';
}
