// Says whether stored data has the form that the page expects; small functions that are put
// together. Never throws.

export type Form<T> = (value: unknown) => value is T;

const form = <T>(test: (value: unknown) => boolean): Form<T> => test as Form<T>;

/** Infinity and NaN are numbers: perplexities overflow. */
export const number = form<number>((value) => typeof value === 'number');
export const text = form<string>((value) => typeof value === 'string');
export const flag = form<boolean>((value) => typeof value === 'boolean');

export const oneOf = <T extends string>(...values: readonly T[]): Form<T> =>
  form((value) => values.includes(value as T));

export const orNull = <T>(of: Form<T>): Form<T | null> =>
  form((value) => value === null || of(value));

/** May be missing. */
export const maybe = <T>(of: Form<T>): Form<T | undefined> =>
  form((value) => value === undefined || of(value));

export const either = <A, B>(a: Form<A>, b: Form<B>): Form<A | B> =>
  form((value) => a(value) || b(value));

export const listOf = <T>(of: Form<T>): Form<T[]> =>
  form((value) => Array.isArray(value) && value.every(of));

export const mapOf = <T>(of: Form<T>): Form<Map<string, T>> =>
  form((value) => value instanceof Map && [...value].every(([key, item]) => text(key) && of(item)));

export const setOf = <T>(of: Form<T>): Form<Set<T>> =>
  form((value) => value instanceof Set && [...value].every(of));

/** An object with these fields; fields that are not named may be anything. */
export const shape = <T extends object>(fields: { [F in keyof T]?: Form<T[F]> }): Form<T> => {
  const tests = Object.entries(fields) as [string, Form<unknown>][];
  return form((value) => {
    if (typeof value !== 'object' || value === null) return false;
    const object = value as Record<string, unknown>;
    return tests.every(([name, test]) => test(object[name]));
  });
};
