// Sums of weight gradients over the chunks of a pass, on the device while their block runs.

import { EspalierError } from '../../errors.ts';
import type { GradientPart } from '../../grad/taps.ts';
import type { BoundProgram, OutputTarget } from '../../model/programs/program.ts';
import type { DeviceTensor, Engine, Shape } from '../device/engine.ts';
import { byteSize, toFloat32 } from '../device/host.ts';

/** Bytes of one write. */
const WRITE_BYTES = 2 ** 24;

export class GradientSums {
  private readonly engine: Engine;
  private readonly shapes = new Map<string, Shape>();
  private readonly held = new Map<string, { feed: DeviceTensor; free(): void }>();

  /** Zeros. @param label of a part, for messages. @throws EspalierError `out-of-memory` */
  constructor(engine: Engine, parts: readonly (GradientPart & { label: string })[]) {
    this.engine = engine;
    try {
      for (const { part, dims, label } of parts) {
        const buffer = engine.allocate(byteSize('float32', dims), 'scratch', label);
        this.held.set(part, { feed: buffer.view('float32', dims), free: () => buffer.free() });
        this.shapes.set(part, { type: 'float32', dims });
        writeZeros(buffer);
      }
    } catch (error) {
      this.free();
      throw error;
    }
  }

  get feeds(): ReadonlyMap<string, DeviceTensor> {
    return new Map([...this.held].map(([part, { feed }]) => [part, feed]));
  }

  /** How an output that is a sum stays on the device; undefined for others. */
  shapeOf(target: OutputTarget): Shape | undefined {
    return target.kind === 'weight-gradient' ? this.shapes.get(target.part) : undefined;
  }

  /**
   * Takes over the sums that a run gave, with another chunk in them.
   * @throws EspalierError `bug` where one did not stay on the device
   */
  take({ program }: BoundProgram, device: ReadonlyMap<string, DeviceTensor>): void {
    for (const { name, target } of program.outputs) {
      if (target.kind !== 'weight-gradient') continue;
      const feed = device.get(name);
      if (!feed) throw new EspalierError('bug', `${program.id} left no sum ${target.part}.`);
      this.held.get(target.part)?.free();
      this.held.set(target.part, { feed, free: () => feed.free() });
    }
  }

  /** Its values, valid until the sums are freed. */
  async read(part: string): Promise<Float32Array> {
    const held = this.held.get(part);
    return held ? toFloat32(await this.engine.read(held.feed)) : new Float32Array();
  }

  free(): void {
    for (const { free } of this.held.values()) free();
    this.held.clear();
  }
}

/** A buffer may have been used before. */
function writeZeros(buffer: {
  bytes: number;
  write(offset: number, data: Uint8Array<ArrayBuffer>): void;
}): void {
  const zeros = new Uint8Array(Math.min(buffer.bytes, WRITE_BYTES));
  for (let at = 0; at < buffer.bytes; at += WRITE_BYTES)
    buffer.write(at, zeros.subarray(0, Math.min(WRITE_BYTES, buffer.bytes - at)));
}
