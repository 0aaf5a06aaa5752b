// The table of criteria: what each is called, what it is computed from, which scores it gives and
// where it is described. The page, the command line, exports and their tests read it.

type Scores = readonly number[];

/** What criteria are computed from, by source. Values are by block. */
export interface SourceData {
  /** The importance curve: mean NLL in nats without each block, and the blocks in order. */
  curve: {
    blocks: readonly { index: number; nll: number; refused?: string }[];
    order: readonly number[];
  };
  /**
   * Sums over the linear matrices of each block, dequantised as the graph does it, accumulated in
   * float64: of absolute values (L1) and of squares, not their root (L2).
   */
  magnitudes: {
    l1: number[];
    l2: number[];
    /** The same with the norm vectors of the block. */
    l1WithNorms: number[];
    l2WithNorms: number[];
  };
  /**
   * Means over the windows from the hidden states of the original, accumulated in float64; NaN
   * where a state is not finite.
   */
  hidden: {
    /** One per block. */
    blockInfluence: number[];
    /** `angular[n - 1][l]`: n contiguous blocks from block l on; N - n + 1 values. */
    angular: number[][];
  };
  /**
   * From the gradient of the mean NLL over all predicted tokens of all windows: sums of
   * abs(W dL/dW), the absolute value taken after that sum, accumulated in float64.
   */
  taylor: {
    /** The mean NLL, in nats. */
    loss: number;
    /** Over linear matrices. */
    linear: TaylorSums;
    /** The same with the norm vectors. */
    withNorms: TaylorSums;
  };
  /** Mean NLLs in nats from a table of another tool; NaN for blocks that it leaves out. */
  file: Scores;
}

/** By block: of the whole block, and of each sublayer, null where they cannot be told apart. */
export interface TaylorSums {
  block: number[];
  attention: (number | null)[];
  ffn: (number | null)[];
}

export type SourceName = keyof SourceData;

/** The sources that a job of their own measures. */
export const MEASURED_SOURCES = {
  /** `onWindows`: from runs on the calibration windows; otherwise from the weights alone. */
  magnitudes: { onWindows: false },
  hidden: { onWindows: true },
  taylor: { onWindows: true },
} as const satisfies { readonly [S in SourceName]?: { readonly onWindows: boolean } };

export type MeasuredSource = keyof typeof MEASURED_SOURCES;

/** What a person chooses for the criteria that have the option. */
export interface CriterionOptions {
  /** The norm vectors count too. */
  norms: boolean;
  /** Number n of contiguous blocks that one score is of, from 1 on. */
  span: number;
}

interface Spec<S extends SourceName> {
  name: string;
  /** In tables and legends: "Mag L1". */
  label: string;
  /** As the name of an order or a path, where it is not the label. */
  orderLabel?: string;
  /** As the subject of a sentence, where it is not the label. */
  subject?: string;
  /** What it is computed from. */
  needs: S;
  /** The option that it has, if any. */
  option?: keyof CriterionOptions;
  /** Set when scores are mean NLLs in nats and people read them as perplexity. */
  perplexity?: true;
  /** What the paper calls it with the first four and the last two blocks locked. */
  withEndsLocked?: string;
  /** For people, with the paper and its section. */
  formula: string;
  source: string;
  /**
   * One score per block, or per window of `span` contiguous blocks at the first of them. Low = safe
   * to remove, in every criterion; NaN or missing where there is none.
   */
  scores(data: SourceData[S], options: CriterionOptions): Scores;
  /**
   * One score per block, of its attention or feed-forward; null where they cannot be told apart.
   */
  sublayerScores?(
    data: SourceData[S],
    options: CriterionOptions,
    sublayer: 'attention' | 'ffn',
  ): readonly (number | null)[];
  /** The mean NLL in nats whose gradient it takes. */
  loss?(data: SourceData[S]): number;
  /** Blocks, least important first, where it is not simply that of the scores. */
  order?(data: SourceData[S]): readonly number[];
  /** False where the model gave no numbers: its scores then rank nothing. Absent: always true. */
  isRanking?(data: SourceData[S]): boolean;
  /** Of criteria that remove neighbours only. */
  contiguous?: {
    /** `[n - 1][l]`: the score of n blocks from block l on. */
    spans(data: SourceData[S]): readonly Scores[];
    /** A score as people read it. */
    words(score: number): string;
  };
}

type CriterionSpec = { [S in SourceName]: Spec<S> }[SourceName];

const KIM = 'Kim et al., Shortened LLaMA (2024)';

/** False where a hidden state of the original was not finite; NaN there, null in a JSON file. */
export const hasFiniteStates = ({ blockInfluence, angular }: SourceData['hidden']): boolean =>
  [blockInfluence, ...angular].every((scores) => scores.every(Number.isFinite));

/** False where a gradient was not finite. */
export const hasFiniteScores = ({ linear, withNorms }: SourceData['taylor']): boolean =>
  [...linear.block, ...withNorms.block].every(Number.isFinite);

const ROWS = [
  {
    name: 'ppl',
    label: 'PPL',
    orderLabel: 'one-shot perplexity',
    subject: 'Perplexity with each block left out',
    needs: 'curve',
    perplexity: true,
    formula: 'perplexity on the windows without block n',
    source: KIM,
    scores: ({ blocks }) => {
      const scores: number[] = [];
      for (const { index, nll, refused } of blocks) scores[index] = refused ? Number.NaN : nll;
      return scores;
    },
    order: ({ order }) => order,
    isRanking: ({ blocks, order }) => order.length > 0 || blocks.every(({ refused }) => refused),
  },
  {
    name: 'mag-l1',
    label: 'Mag L1',
    needs: 'magnitudes',
    option: 'norms',
    withEndsLocked: 'Mag+',
    formula: 'sum of abs(W) over the linear matrices of block n',
    source: `${KIM}, section 3.1`,
    scores: ({ l1, l1WithNorms }, { norms }) => (norms ? l1WithNorms : l1),
  },
  {
    name: 'mag-l2',
    label: 'Mag L2',
    needs: 'magnitudes',
    option: 'norms',
    withEndsLocked: 'Mag+',
    formula: 'sum of W^2, not its root, over the linear matrices of block n',
    source: `${KIM}, section 3.1`,
    scores: ({ l2, l2WithNorms }, { norms }) => (norms ? l2WithNorms : l2),
  },
  {
    name: 'taylor',
    label: 'Taylor',
    needs: 'taylor',
    option: 'norms',
    withEndsLocked: 'Taylor+',
    formula: 'sum of abs(W dL/dW) over the linear matrices of block n, L = mean NLL on the windows',
    source: `${KIM}, section 3.1`,
    scores: ({ linear, withNorms }, { norms }) => (norms ? withNorms : linear).block,
    sublayerScores: ({ linear, withNorms }, { norms }, sublayer) =>
      (norms ? withNorms : linear)[sublayer],
    loss: ({ loss }) => loss,
    isRanking: hasFiniteScores,
  },
  {
    name: 'block-influence',
    label: 'Block Influence',
    needs: 'hidden',
    formula: '1 - mean over tokens of cos(h_n, h_(n+1))',
    source: 'Men et al., ShortGPT (2024)',
    scores: ({ blockInfluence }) => blockInfluence,
    isRanking: hasFiniteStates,
  },
  {
    name: 'angular',
    label: 'angular distance',
    needs: 'hidden',
    option: 'span',
    formula: 'mean over windows of arccos(cos(h_l, h_(l+n))) / pi, last token, n blocks from l on',
    source: 'Gromov et al., The Unreasonable Ineffectiveness of the Deeper Layers (2024)',
    scores: ({ angular }, { span }) => angular[span - 1] ?? [],
    isRanking: hasFiniteStates,
    contiguous: {
      spans: ({ angular }) => angular,
      words: (distance) => `${(distance * 180).toFixed(1)} degrees`,
    },
  },
  {
    name: 'file-ppl',
    label: 'PPL from file',
    subject: 'Perplexity with each block left out, from a file,',
    needs: 'file',
    perplexity: true,
    formula: 'perplexity without block n, read from a table of another tool',
    source: KIM,
    scores: (nlls) => nlls,
  },
] as const satisfies readonly CriterionSpec[];

export type CriterionName = (typeof ROWS)[number]['name'];

/** A row of the table. Its data is typed by `needs` in the table only: see `known`. */
export type Criterion = Spec<SourceName> & { readonly name: CriterionName };

export const CRITERIA: readonly Criterion[] = ROWS;

export const isMeasured = (source: SourceName): source is MeasuredSource =>
  source in MEASURED_SOURCES;
