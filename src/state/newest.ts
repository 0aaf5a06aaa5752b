// Which of several requests of one kind is still wanted: the newest, and only for the model that it
// was made for.

export interface Newest {
  /** Starts a request; the answer is true while it is the newest one and its model is open. */
  begin(): () => boolean;
  /** From now on none is wanted. */
  drop(): void;
}

/** `modelOf` gives the open model; null for requests that belong to no model. */
export function makeNewest(modelOf: () => unknown): Newest {
  let newest = 0;
  return {
    begin() {
      const own = ++newest;
      const model = modelOf();
      return () => own === newest && modelOf() === model;
    },
    drop: () => void newest++,
  };
}
