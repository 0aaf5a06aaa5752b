// How the paper heals pruned models: Kim et al., "Shortened LLaMA: Depth Pruning for Large Language
// Models with Comparison of Retraining Methods" (arXiv 2402.02834). Its authors have published
// continued pretraining in the model cards of nota-ai/cpt_st-vicuna-v1.3-5.5b-ppl and its smaller
// siblings, LoRA in script/prune_llama-7b_crit-ppl.sh and src/lora_retrain.py of
// github.com/Nota-NetsPresso/shortened-llm.

/** Continued pretraining of all weights. */
export const CONTINUED_PRETRAINING = {
  data: 'SlimPajama-627B',
  learningRate: 0.0001,
  beta1: 0.9,
  beta2: 0.95,
  weightDecay: 0.1,
  /** Sequences of a step: `microBatch` x `accumulation` x `gpus`. */
  globalBatch: 512,
  microBatch: 2,
  accumulation: 32,
  gpus: 8,
} as const;

/** Its runs, on 8 H100 each. `share` of the parameters of Vicuna 7B was removed. */
export const RUNS: readonly { share: number; params: number; tokens: number; days: number }[] = [
  { share: 0.2, params: 5.5e9, tokens: 37e9, days: 6 },
  { share: 0.45, params: 3.7e9, tokens: 74e9, days: 8 },
  { share: 0.6, params: 2.7e9, tokens: 150e9, days: 12 },
  { share: 0.8, params: 1.5e9, tokens: 271e9, days: 11 },
];

/** LoRA, alone or after it. */
export const LORA = {
  data: 'yahma/alpaca-cleaned',
  rank: 8,
  alpha: 16,
  dropout: 0.05,
  learningRate: 0.0001,
  warmupSteps: 100,
  batch: 64,
  microBatch: 4,
  epochs: 2,
  /** Tokens at which an example is cut. */
  length: 256,
} as const;

/** Settings that neither the paper's model cards nor its code give; common values. */
export const OURS = {
  /** Tokens of a sequence at most. */
  sequence: 2048,
  warmupShare: 0.01,
  clip: 1,
} as const;
