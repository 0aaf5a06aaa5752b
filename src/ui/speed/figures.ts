// Which numbers of speed are shown for the plan: measured, else predicted, else those of an older
// plan, else none.

import type { Ends } from '../../spread.ts';
import type { SpeedView } from '../../state/speed/selectors.ts';

export interface Figures {
  kind: 'measured' | 'predicted' | 'stale' | 'none';
  /** Over the original, with its 95 % interval; of equal ends where none is known. */
  gain: { ratio: number; ends: Ends } | null;
  /** Tokens/s of the pruned model, with the slowest and fastest run. */
  rate: { mean: number; ends: Ends } | null;
  /** The measured gain may be noise. */
  noise: boolean;
}

const NONE: Figures = { kind: 'none', gain: null, rate: null, noise: false };

export function figuresOf(
  { pruned, stale, prediction, gain }: SpeedView,
  hasPlan: boolean,
): Figures {
  if (!hasPlan) return NONE;
  const measured: Figures | null = pruned && {
    kind: stale ? 'stale' : 'measured',
    gain: gain && { ratio: gain.ratio, ends: gain.ci95 },
    rate: {
      mean: pruned.speed.throughput.mean,
      ends: [pruned.speed.throughput.min, pruned.speed.throughput.max],
    },
    noise: gain?.noise ?? false,
  };
  if (measured && !stale) return measured;
  if (prediction) {
    const { gain: ratio, tokensPerSecond } = prediction;
    return {
      kind: 'predicted',
      gain: { ratio, ends: [ratio, ratio] },
      rate: { mean: tokensPerSecond, ends: [tokensPerSecond, tokensPerSecond] },
      noise: false,
    };
  }
  return measured ?? NONE;
}
