// How many tokens a text has for the tokenizer of the open model.

export interface TokenCount {
  /** Without special tokens. */
  tokens: number;
  /** The tokenizer adds a BOS token by itself. */
  addsBos: boolean;
}
