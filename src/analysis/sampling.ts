// How the next token is chosen from one row of logits: greedy, or sampled with temperature, top-k and top-p; must not know where logits come from.

/** `temperature` 0 is greedy and looks at nothing else; `topK` 0 and `topP` 1 are off. */
export interface Sampling {
  temperature: number;
  topK: number;
  topP: number;
  seed: number;
}
