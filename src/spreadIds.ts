// Token ids that depend on nothing but the size of the vocabulary: what stands in for a text where
// there is no usable tokenizer.

/** Ids below this are in every vocabulary: they serve where its size is not known. */
const FEWEST_TOKENS = 64;

/** `length` ids spread over the vocabulary, from `first` on. @param vocabSize null when unknown */
export function spreadIds(length: number, vocabSize: number | null, first = 3): number[] {
  const size = vocabSize ?? FEWEST_TOKENS;
  return Array.from({ length }, (_, t) => (t * 7919 + first) % size);
}
