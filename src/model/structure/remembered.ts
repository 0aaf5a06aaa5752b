// What follows from a structure is computed once and goes with it.

import type { Structure } from './structure.ts';

/** The function, which computes once for each structure: every block asks about its removal. */
export function remembered<T>(compute: (structure: Structure) => T): (structure: Structure) => T {
  const known = new WeakMap<Structure, { value: T }>();
  return (structure) => {
    let entry = known.get(structure);
    if (!entry) {
      entry = { value: compute(structure) };
      known.set(structure, entry);
    }
    return entry.value;
  };
}
