// AdamW with float32 state, and clipping by the norm of all gradients together: what PyTorch does.

export interface AdamWSettings {
  /** Learning rate of this step. */
  rate: number;
  /** Share of a weight, times the rate, that a step takes away; not part of the gradient. */
  weightDecay: number;
}

/** What AdamW remembers of one tensor. */
export interface Moments {
  /** Running mean of the gradients. */
  m: Float32Array;
  /** Running mean of their squares. */
  v: Float32Array;
}

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/** Added to a norm before it divides, as in torch.nn.utils.clip_grad_norm_. */
const CLIP_EPSILON = 1e-6;

export function noMoments(size: number): Moments {
  return { m: new Float32Array(size), v: new Float32Array(size) };
}

/**
 * One step of AdamW on one tensor, in place; computed in float64, stored in float32.
 *
 *     p <- p - rate * decay * p
 *     m <- beta1 m + (1 - beta1) g,   v <- beta2 v + (1 - beta2) g^2
 *     p <- p - rate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
 *
 * @param t number of the step, from 1
 * @param scale factor of the gradients: that of clipping
 * @source Loshchilov and Hutter, Decoupled Weight Decay Regularization (2019); torch.optim.AdamW
 */
export function adamW(
  values: Float32Array,
  gradient: Float32Array,
  { m, v }: Moments,
  t: number,
  { rate, weightDecay }: AdamWSettings,
  scale = 1,
): void {
  const kept = 1 - rate * weightDecay;
  const size = rate / (1 - BETA1 ** t);
  const root = Math.sqrt(1 - BETA2 ** t);
  for (let i = 0; i < values.length; i++) {
    const g = gradient[i]! * scale;
    m[i] = BETA1 * m[i]! + (1 - BETA1) * g;
    v[i] = BETA2 * v[i]! + (1 - BETA2) * g * g;
    const decayed = Math.fround(kept * values[i]!);
    values[i] = decayed - (size * m[i]!) / (Math.sqrt(v[i]!) / root + EPSILON);
  }
}

/** L2 norm of all gradients together, summed in float64; not finite where one of them is not. */
export function globalNorm(gradients: Iterable<Float32Array>): number {
  let squares = 0;
  for (const values of gradients)
    for (let i = 0; i < values.length; i++) squares += values[i]! ** 2;
  return Math.sqrt(squares);
}

/**
 * The factor of all gradients by which their norm is at most `maxNorm`; 1 where they are not
 * clipped. @source torch.nn.utils.clip_grad_norm_
 */
export function clipping(norm: number, maxNorm: number | null): number {
  return maxNorm === null ? 1 : Math.min(1, maxNorm / (norm + CLIP_EPSILON));
}
