// What is said of the device that was chosen, with the numbers that decided it.

import type { BlockTime } from '../../contract/device.ts';
import type { ErrorReport } from '../../errors.ts';
import type { Comparison } from './compare.ts';

/** Why this device was taken, in sentences. */
export function comparisonWords(found: Comparison): string {
  const { kind, webgpu, wasm, failed, threads } = found;
  if (webgpu && wasm) {
    const winner = kind === 'webgpu' ? 'WebGPU' : 'the CPU (wasm)';
    return `${timesWords(webgpu, wasm, threads)}: ${winner} is ${lead(found)}.`;
  }
  const { error, where } = failed.webgpu
    ? { error: failed.webgpu, where: 'WebGPU' }
    : { error: failed.wasm, where: 'the CPU (wasm)' };
  return `${unmeasured(where, error)} ${placed(kind)}`;
}

/** "The model runs on WebGPU." */
export const placed = (kind: 'webgpu' | 'wasm'): string =>
  `The model runs on ${kind === 'webgpu' ? 'WebGPU' : 'the CPU (wasm)'}.`;

function timesWords(webgpu: BlockTime, wasm: BlockTime, threads: number): string {
  const of = wasm.threads ?? 1;
  const cpu = isPart(wasm, threads)
    ? `on one of the CPU's ${threads} threads`
    : `on the CPU (wasm, ${counted(of)})`;
  if (webgpu.tokens < wasm.tokens)
    return (
      `${webgpu.tokens} tokens of a block of this model take ${duration(webgpu.seconds)} on ` +
      `WebGPU, and ${wasm.tokens} take ${duration(wasm.seconds)} ${cpu}`
    );
  return (
    `For ${wasm.tokens} tokens, a block of this model takes ${duration(webgpu.seconds)} on ` +
    `WebGPU and ${duration(wasm.seconds)} ${cpu}`
  );
}

/** "about 12 times as fast", or what is certain of several threads of which one was timed. */
function lead({ kind, webgpu, wasm, threads }: Comparison): string {
  if (!webgpu || !wasm) return '';
  const part = isPart(wasm, threads);
  if (kind === 'webgpu' && part) return `faster than all ${threads} can be`;
  const ratio = kind === 'webgpu' ? wasm.seconds / webgpu.seconds : webgpu.seconds / wasm.seconds;
  const atLeast = part || webgpu.tokens < wasm.tokens;
  if (ratio < 1.05) return 'as fast, and is taken';
  const times = String(Number(ratio.toPrecision(2)));
  return `${atLeast ? 'at least ' : ''}${times} times as fast`;
}

/** One thread was timed in place of all. */
const isPart = (wasm: BlockTime, threads: number): boolean => wasm.threads === 1 && threads > 1;

function unmeasured(where: string, error: ErrorReport | undefined): string {
  const why = error ? ` (${error.message.replace(/\.$/, '')})` : '';
  return `A block of this model could not be timed on ${where}${why}.`;
}

const counted = (threads: number): string => (threads === 1 ? 'one thread' : `${threads} threads`);

/** Three digits: "1.24 ms", "38.1 ms", "2.10 s". */
function duration(seconds: number): string {
  return seconds < 0.9995 ? `${(seconds * 1000).toPrecision(3)} ms` : `${seconds.toPrecision(3)} s`;
}
