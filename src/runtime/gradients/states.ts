// Hidden states and gradients between programs, kept in ordinary memory: a GPU holds only those of
// the running block.

import type { DeviceTensor, Engine, Feed } from '../device/engine.ts';
import type { HostTensor } from '../device/host.ts';

/** A (B, S, C) tensor of one chunk. */
export interface KeptState {
  readonly feed: Feed;
  free(): void;
}

/** Takes over a tensor that a run gave out; on a GPU it is read back and freed there. */
export async function keep(engine: Engine, tensor: DeviceTensor): Promise<KeptState> {
  if (engine.onHost) return heldOnDevice(tensor);
  try {
    return keepHost(engine, await engine.read(tensor));
  } finally {
    tensor.free();
  }
}

/** A tensor that stays where it is. */
export function heldOnDevice(tensor: DeviceTensor): KeptState {
  return { feed: tensor, free: () => tensor.free() };
}

/** A tensor in ordinary memory, entered in the engine's ledger. */
export function keepHost(engine: Engine, host: HostTensor): KeptState {
  return { feed: host, free: engine.ledger.add('hidden', host.data.byteLength) };
}

/** Its values in float32, (B, S, C) row by row. */
export async function valuesOf(engine: Engine, { feed }: KeptState): Promise<Float32Array> {
  const { data } = 'tensor' in feed ? await engine.read(feed) : feed;
  return data as Float32Array;
}

export function freeAll(states: Iterable<KeptState | undefined>): void {
  for (const state of states) state?.free();
}
