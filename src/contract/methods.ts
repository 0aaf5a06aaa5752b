// The form of the tables that list a worker's calls: both ends of the thread boundary are built
// from them, so a method that is missing in one is a type error.

/** What the page needs to know of a call besides its type. */
interface MethodSpec {
  /** Cancelled by `cancel()`, also while it waits for its worker. */
  job?: true;
  /** Ends with something else, which may never happen: nothing waits for it. */
  waits?: true;
}

/** Every method of `T` by name, no more and no fewer. */
export type Methods<T> = { readonly [K in keyof T]-?: MethodSpec };
