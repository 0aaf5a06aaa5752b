// What the corpus check reads of a golden file, and what it finds in a folder.

import type { Sublayer, Unit } from '../../units.ts';

/** An export without some blocks, as the golden has it. */
export interface PrunedGolden {
  removed: Unit[];
  refused?: string;
  config: Record<string, unknown>;
  /** Mean over the windows; absent in the goldens of the first corpus. */
  nll?: number;
  promptIds: number[];
  top8?: [number, number][];
  /**
   * In place of `top8` where the graph gives hidden states: the first eight values of the last
   * row.
   */
  lastHiddenFirst8?: number[];
  greedy?: number[];
  greedyMargins?: number[];
  /** The ids with caches, where activations that are quantised at run time make them others. */
  greedyDisagreement?: number[];
}

/** The part of a golden file that is checked (tools/make_goldens.py). */
export interface CorpusGolden {
  windows: number[][];
  baseline: { nll: number } | null;
  blocks: { index: number; nll?: number; refused?: string }[] | null;
  /** Mean NLL without each sublayer; null where its removal is refused. */
  units?: Partial<Record<Sublayer, (number | null)[]>>;
  pruned: PrunedGolden[];
  /** "config.json", "config.json text_config", "genai_config.json model.decoder". */
  configFile: string;
  nllTol: number;
  logitTol: number;
  /**
   * Of GGUF files, whose other numbers are llama.cpp's, which rounds activations: what float
   * activations give with the same weights. Mean NLL intact, without each block, and without blocks
   * 1 and 3.
   */
  nllFloat?: { baseline: { nll: number }; blocks: number[]; 'without 1 and 3': number };
  /** The tensors of the folder that transformers saves without `removed`, by name. */
  prunedFolder?: PrunedTensors & { configChanges: Record<string, unknown> };
  /** The same of a GGUF file, with the metadata that changed. */
  prunedFile?: PrunedTensors & { metadata: Record<string, unknown> };
}

interface PrunedTensors {
  removed: Unit[];
  /** dtype of safetensors, type of GGUF; SHA-256 of the bytes. */
  tensors: Record<string, { dtype?: string; type?: string; shape: number[]; sha256: string }>;
}

/** What one folder gave. Differences are null where nothing could be compared. */
export interface Findings {
  maxNllDiff: number | null;
  /** The same against llama.cpp, whose kernels round activations; null for other goldens. */
  maxRoundedNllDiff: number | null;
  /** The same without single sublayers. */
  maxUnitDiff: number | null;
  maxLogitDiff: number | null;
  greedyEqual: boolean | null;
  /** Pruned exports that were compared with a golden. */
  prunedChecked: number;
  /** Exports without one sublayer that passed verification. */
  partsVerified: number;
  /** Misses; empty when the folder is as expected. */
  misses: string[];
  /** What could not be compared, and why; not a miss. */
  notes: string[];
}

export function noFindings(): Findings {
  return {
    maxNllDiff: null,
    maxRoundedNllDiff: null,
    maxUnitDiff: null,
    maxLogitDiff: null,
    greedyEqual: null,
    prunedChecked: 0,
    partsVerified: 0,
    misses: [],
    notes: [],
  };
}

/** The golden with the numbers of float activations; null where it has no others. */
export function floatGolden(golden: CorpusGolden): CorpusGolden | null {
  const { nllFloat, ...rest } = golden;
  if (!nllFloat) return null;
  return {
    ...rest,
    baseline: nllFloat.baseline,
    blocks: nllFloat.blocks.map((nll, index) => ({ index, nll })),
    pruned: golden.pruned.flatMap((pruned) =>
      pruned.removed.join() === '1,3' ? [{ ...pruned, nll: nllFloat['without 1 and 3'] }] : [],
    ),
  };
}

/** Which largest difference a golden counts to. */
export const nllField = ({ nllFloat }: CorpusGolden): 'maxNllDiff' | 'maxRoundedNllDiff' =>
  nllFloat ? 'maxRoundedNllDiff' : 'maxNllDiff';

/** Widens the largest difference of an NLL, and says so where it is beyond `most`. */
export function compareNll(
  found: Findings,
  what: string,
  difference: number,
  most: number,
  field: ReturnType<typeof nllField> = 'maxNllDiff',
): void {
  found[field] = Math.max(found[field] ?? 0, difference);
  if (!(difference <= most))
    found.misses.push(`${what} differs by ${difference.toExponential(1)} (at most ${most})`);
}

/**
 * float32 tolerances of the project; other types take the golden's own, which is twice the spread
 * of independent CPU computations.
 */
export const NLL_TOLERANCE = 1e-4;
const LOGIT_TOLERANCE = 1e-3;

export const nllTolerance = (dtype: string, { nllTol }: Pick<CorpusGolden, 'nllTol'>): number =>
  dtype === 'fp32' ? NLL_TOLERANCE : Math.max(NLL_TOLERANCE, nllTol);

export const logitTolerance = (
  dtype: string,
  { logitTol }: Pick<CorpusGolden, 'logitTol'>,
): number => (dtype === 'fp32' ? LOGIT_TOLERANCE : Math.max(LOGIT_TOLERANCE, logitTol));
