// What of a slice is kept with its model between visits, as each slice declares it; and how what
// was kept, what is in memory and what another tab wrote come together. Pure.

import type { Form } from './form.ts';

/** One field of a slice that is kept. */
interface KeptField<V> {
  /** Whether what was read has the form of the field. */
  is: Form<V>;
  /** It came later than the version: what was stored before is without it. */
  later?: true;
  /**
   * Both together, where memory has changed the field since `base`; without it memory wins.
   * `stored` may have been written by another tab.
   */
  join?(base: V, own: V, stored: V): V;
  /** What is stored of it, where that is less than what is in memory. */
  pack?(value: V): V;
}

type Fields<S> = { readonly [F in keyof S]?: S[F] };

export interface KeptPart<S> {
  /** Counts up with the form: what was kept in another one is dropped. */
  version: number;
  fields: { readonly [F in keyof S]?: KeptField<S[F]> };
  /** How much there is: nothing is kept of a model of which every part says 0. */
  count(fields: Fields<S>): number;
  /** What took measuring, as opposed to what was chosen or typed. */
  isMeasured: boolean;
  /** The slice with what was kept; by default the fields take their places. */
  put?(slice: S, kept: Fields<S>): S;
}

/** A part without its slice's type, for code that treats all alike. */
export type AnyPart = KeptPart<Record<string, unknown>>;
export type AnyFields = Readonly<Record<string, unknown>>;

const fieldsOf = (part: AnyPart) => Object.entries(part.fields) as [string, KeptField<unknown>][];

/** The fields of a slice that are kept. */
export function pick(part: AnyPart, slice: AnyFields): AnyFields {
  return Object.fromEntries(fieldsOf(part).map(([name]) => [name, slice[name]]));
}

/** True when any of the fields is another one. */
export function differs(part: AnyPart, a: AnyFields, b: AnyFields): boolean {
  return fieldsOf(part).some(([name]) => a[name] !== b[name]);
}

/**
 * What becomes of the fields: where memory has not changed one since `base`, that of the store
 * counts; where it has, both are joined, or memory wins.
 */
export function merge(
  part: AnyPart,
  base: AnyFields,
  own: AnyFields,
  stored: AnyFields | null,
): AnyFields {
  if (!stored) return own;
  const merged = fieldsOf(part).map(([name, field]) => {
    if (field.later && stored[name] === undefined) return [name, own[name]];
    if (own[name] === base[name]) return [name, stored[name]];
    return [name, field.join ? field.join(base[name], own[name], stored[name]) : own[name]];
  });
  return Object.fromEntries(merged);
}

interface Packed {
  version: number;
  fields: AnyFields;
}

/** As it is stored. */
export function pack(part: AnyPart, fields: AnyFields): Packed {
  const packed = fieldsOf(part).map(([name, field]) => [
    name,
    field.pack ? field.pack(fields[name]) : fields[name],
  ]);
  return { version: part.version, fields: Object.fromEntries(packed) };
}

/** What was stored; null when it is of another version or damaged. */
export function unpack(part: AnyPart, value: unknown): AnyFields | null {
  const { version, fields } = (value ?? {}) as Partial<Packed>;
  if (version !== part.version || typeof fields !== 'object' || fields === null) return null;
  const isSound = ([name, { is, later }]: [string, KeptField<unknown>]) =>
    (later && fields[name] === undefined) || is(fields[name]);
  return fieldsOf(part).every(isSound) ? fields : null;
}

/** Maps by key: what either side removed or set since `base` counts, memory where both did. */
export function joinMaps<V>(
  base: ReadonlyMap<string, V>,
  own: ReadonlyMap<string, V>,
  stored: ReadonlyMap<string, V>,
): Map<string, V> {
  const joined = new Map([...stored].filter(([key]) => own.has(key) || !base.has(key)));
  for (const [key, value] of own) {
    if (base.has(key) && base.get(key) === value) continue;
    // The newest of a key comes last.
    joined.delete(key);
    joined.set(key, value);
  }
  return joined;
}

export function joinSets<V>(
  base: ReadonlySet<V>,
  own: ReadonlySet<V>,
  stored: ReadonlySet<V>,
): Set<V> {
  return new Set([
    ...[...stored].filter((one) => own.has(one) || !base.has(one)),
    ...[...own].filter((one) => !base.has(one)),
  ]);
}

/** Lists as maps by `keyOf`; those of memory come first when it has `newestFirst`. */
export const joinLists =
  <V>(keyOf: (item: V) => string, newestFirst: boolean, most = Number.POSITIVE_INFINITY) =>
  (base: readonly V[], own: readonly V[], stored: readonly V[]): V[] => {
    const keysOf = (items: readonly V[]) => new Set(items.map(keyOf));
    const [ownKeys, baseKeys, storedKeys] = [keysOf(own), keysOf(base), keysOf(stored)];
    const mine = own.filter((item) => storedKeys.has(keyOf(item)) || !base.includes(item));
    const others = stored.filter((item) => !ownKeys.has(keyOf(item)) && !baseKeys.has(keyOf(item)));
    return newestFirst ? [...mine, ...others].slice(0, most) : [...others, ...mine].slice(-most);
  };
