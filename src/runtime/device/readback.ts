// Reads bytes of GPU buffers back to ordinary memory through one mapped staging buffer.

import type { ByteSpan } from './engine.ts';
import type { Ledger } from './ledger.ts';
import type { Guard } from './sessions.ts';

const USAGE = 0x1 | 0x8; // MAP_READ | COPY_DST
const MAP_READ = 1;
/** Copies start and end at multiples of this. */
const ALIGN = 4;

/** Reads one after the other; the staging buffer grows to the largest of them. */
export class Readbacks {
  private readonly device: GPUDevice;
  private readonly ledger: Ledger;
  private staging: { gpu: GPUBuffer; close: () => void } | null = null;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(device: GPUDevice, ledger: Ledger) {
    this.device = device;
    this.ledger = ledger;
  }

  /** Copies the spans into `target`, one behind the other. */
  read(
    source: GPUBuffer,
    spans: readonly ByteSpan[],
    target: Uint8Array,
    guard: Guard,
  ): Promise<void> {
    const turn = this.turn.then(() => this.copy(source, spans, target, guard));
    this.turn = turn.catch(() => {});
    return turn;
  }

  trim(): void {
    this.staging?.gpu.destroy();
    this.staging?.close();
    this.staging = null;
  }

  private async copy(
    source: GPUBuffer,
    spans: readonly ByteSpan[],
    target: Uint8Array,
    guard: Guard,
  ): Promise<void> {
    const copies = spans.map(({ offset, length }) => {
      const start = Math.floor(offset / ALIGN) * ALIGN;
      return {
        start,
        skip: offset - start,
        length,
        size: Math.ceil((offset + length - start) / ALIGN) * ALIGN,
      };
    });
    const total = copies.reduce((sum, { size }) => sum + size, 0);
    const staging = this.stagingOf(total);
    const encoder = this.device.createCommandEncoder();
    let at = 0;
    for (const { start, size } of copies) {
      encoder.copyBufferToBuffer(source, start, staging, at, size);
      at += size;
    }
    this.device.queue.submit([encoder.finish()]);
    await guard(staging.mapAsync(MAP_READ, 0, total));
    const mapped = new Uint8Array(staging.getMappedRange(0, total));
    let from = 0;
    let to = 0;
    for (const { skip, length, size } of copies) {
      target.set(mapped.subarray(from + skip, from + skip + length), to);
      from += size;
      to += length;
    }
    staging.unmap();
  }

  private stagingOf(size: number): GPUBuffer {
    if (this.staging && this.staging.gpu.size >= size) return this.staging.gpu;
    this.trim();
    const gpu = this.device.createBuffer({ size, usage: USAGE, label: 'read back' });
    this.staging = { gpu, close: this.ledger.add('scratch', size) };
    return gpu;
  }
}
