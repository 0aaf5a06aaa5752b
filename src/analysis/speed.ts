// Speed statistics: what timed runs say, the gain of one set over another, the line through latencies; must not measure anything.

/** One number over several runs. */
export interface Stat {
  mean: number;
  median: number;
  min: number;
  max: number;
  /** e.g. "tokens/s", "s". */
  unit: string;
}

/** What the runs of one variant say. */
export interface SpeedSummary {
  /** M * L / T, the mean over runs (Shortened LLaMA, section 4), tokens/s. */
  throughput: Stat;
  /** T: prompt, all tokens and sampling, s. */
  latency: Stat;
  /** Time to the first token, s. */
  ttft: Stat;
  /** Prompt tokens of all rows over the time to the first token, tokens/s. */
  prefill: Stat;
  /** M * (n - 1) / (t_n - t_1), tokens/s; null when runs have one token. */
  decode: Stat | null;
  runs: number;
}
