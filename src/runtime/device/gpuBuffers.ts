// GPU buffers of our own: created within limits and error scopes, re-used by size when freed, and
// counted in one ledger.

import { bufferLimit, outOfMemory } from './fault.ts';
import type { Ledger, Purpose } from './ledger.ts';

/** ONNX Runtime binds buffers in units of 16 bytes. */
const ALIGN = 16;
const USAGE = 0x80 | 0x4 | 0x8; // STORAGE | COPY_SRC | COPY_DST

export interface PooledBuffer {
  readonly gpu: GPUBuffer;
  /** Returns the buffer to the pool (hidden states) or destroys it (weights, caches). */
  free(): void;
}

/**
 * Purposes whose buffers are destroyed when freed; others wait for the next run of the same size.
 */
const DESTROYED: ReadonlySet<Purpose> = new Set<Purpose>(['weights', 'cache']);

/**
 * Buffers of one device. Freed hidden-state buffers wait for the next run of the same size;
 * weights and caches are destroyed at once, so that caches start as zeros.
 */
export class GpuBuffers {
  private readonly device: GPUDevice;
  private readonly ledger: Ledger;
  private readonly limit: number;
  private readonly idle = new Map<number, { gpu: GPUBuffer; close: () => void }[]>();
  private readonly live = new Map<GPUBuffer, () => void>();
  private readonly checks: Promise<unknown>[] = [];

  constructor(device: GPUDevice, ledger: Ledger) {
    this.device = device;
    this.ledger = ledger;
    this.limit = Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize);
  }

  /**
   * @throws EspalierError `out-of-memory` when the size exceeds the device's limit. A refusal by
   * the driver shows in `check`.
   */
  create(bytes: number, purpose: Purpose, label: string): PooledBuffer {
    const size = Math.max(ALIGN, Math.ceil(bytes / ALIGN) * ALIGN);
    if (size > this.limit) throw bufferLimit(label, bytes, this.limit);
    const reuse = DESTROYED.has(purpose) ? undefined : this.idle.get(size)?.pop();
    const entry = reuse ?? this.make(size, purpose, label);
    this.live.set(entry.gpu, entry.close);
    let open = true;
    const free = (): void => {
      if (!open) return;
      open = false;
      if (!this.live.delete(entry.gpu)) return;
      if (DESTROYED.has(purpose)) this.destroy(entry);
      else this.idle.set(size, [...(this.idle.get(size) ?? []), entry]);
    };
    return { gpu: entry.gpu, free };
  }

  /** Resolves when every creation so far is known to have worked. */
  async check(): Promise<void> {
    await Promise.all(this.checks.splice(0));
  }

  /** Destroys buffers that wait for re-use. */
  trim(): void {
    for (const entries of this.idle.values()) for (const entry of entries) this.destroy(entry);
    this.idle.clear();
  }

  dispose(): void {
    this.trim();
    for (const [gpu, close] of this.live) this.destroy({ gpu, close });
    this.live.clear();
  }

  private make(
    size: number,
    purpose: Purpose,
    label: string,
  ): { gpu: GPUBuffer; close: () => void } {
    this.device.pushErrorScope('out-of-memory');
    const gpu = this.device.createBuffer({ size, usage: USAGE, label });
    const check = this.device.popErrorScope().then((error) => {
      if (error) throw outOfMemory(label, size, error.message);
    });
    check.catch(() => {});
    this.checks.push(check);
    return { gpu, close: this.ledger.add(purpose, size) };
  }

  private destroy(entry: { gpu: GPUBuffer; close: () => void }): void {
    entry.gpu.destroy();
    entry.close();
  }
}
