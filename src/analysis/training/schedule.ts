// The learning rate of each step.

export interface Schedule {
  /** Peak learning rate. */
  rate: number;
  /** Steps until the peak. */
  warmup: number;
  schedule: 'cosine' | 'constant';
  /** Steps in all. */
  steps: number;
}

/**
 * The learning rate of step t = 1 .. steps: rate * t / warmup up to the peak, afterwards the rate
 * itself or half a cosine, rate / 2 * (1 + cos(pi (t - 1 - warmup) / (steps - warmup))), which ends
 * above 0. @source get_cosine_schedule_with_warmup of Hugging Face Transformers
 */
export function rateAt(t: number, { rate, warmup, schedule, steps }: Schedule): number {
  if (t <= warmup) return (rate * t) / warmup;
  if (schedule === 'constant') return rate;
  const share = (t - 1 - warmup) / Math.max(1, steps - warmup);
  return (rate / 2) * (1 + Math.cos(Math.PI * share));
}
