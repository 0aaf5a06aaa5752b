// Tensors of a text model that its graph does not read.

import type { TensorSource } from './weights.ts';

/**
 * Names in the files of what is a parameter by its name and read by nothing: a head that is stored
 * although config.json ties it to the embedding. Transformers neither reads nor writes it. Empty
 * where no graph was made.
 */
export function unreadTensors({ named, bindings }: TensorSource): Set<string> {
  if (bindings.size === 0) return new Set();
  const read = new Set([...bindings.values()].map(({ tensor }) => tensor.stored.name));
  const stored = [...named.values()].map((tensor) => tensor.stored.name);
  return new Set(stored.filter((name) => !read.has(name)));
}
