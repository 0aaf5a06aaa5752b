// Zero-shot multiple-choice tasks: their rows as the lm-evaluation-harness makes them, and what a
// model made of each.

/** Where the rows of a task come from. */
export interface TaskSource {
  /** Paths or names of the files, all with the same rows. */
  files: readonly string[];
  /** The rows come with Espalier: they show the feature and are no benchmark. */
  builtIn: boolean;
  /** What keeps the scores from being compared with published ones, as a sentence. */
  note?: string | undefined;
}

/** A row (document): a context, the choices that may continue it, and which one is right. */
export interface TaskRow {
  /** Its place in the file, from 0: `doc` in results. */
  doc: number;
  /**
   * What comes before the continuation: one text for all choices, or one for each (WinoGrande).
   * Trailing spaces are still there.
   */
  context: string | readonly string[];
  /** What is scored, one for each choice: with the delimiter " " in front. */
  continuations: readonly string[];
  /** The choices as a person reads them; `accNorm` divides by their code points. */
  choices: readonly string[];
  /** Index of the right choice. */
  target: number;
}

/** All rows of one task. */
export interface TaskData {
  /** Of the table of tasks ("arc_easy"), or the name of an own file without its extension. */
  task: string;
  source: TaskSource;
  rows: readonly TaskRow[];
  /** Of the rows as they are scored: equal whatever the format of the file. */
  sha256: string;
}

/** One choice as a sequence of tokens. */
export interface TaskRequest {
  /**
   * Context and continuation, (S): the last S of their token ids, S at most one more than the most
   * that run, because the last one is predicted and does not run.
   */
  ids: readonly number[];
  /** How many of its last tokens are predicted: those of the continuation; at least 1, below S. */
  predicts: number;
  /** Tokens of context and continuation before truncation. */
  tokens: readonly [context: number, continuation: number];
}

/** What a model made of one choice. */
export interface ChoiceScore {
  tokens: readonly [context: number, continuation: number];
  /** Sum of log p of the continuation's tokens, nats. */
  logLikelihood: number;
}

/** What a model made of one row. */
export interface TaskItem {
  doc: number;
  target: number;
  /** 1 where the likeliest choice is the right one, else 0. */
  acc: 0 | 1;
  /** The same by log-likelihood per code point of the choice; null where a task has none. */
  accNorm: 0 | 1 | null;
  /** Index of the choice that `acc` looks at; -1 where a log-likelihood is not a number. */
  chosen: number;
  /** That of `accNorm`. */
  chosenNorm: number | null;
  choices: readonly ChoiceScore[];
}

/** What a model made of a task. */
export interface TaskScores {
  /** Rows that were scored, of `total` in the file. */
  rows: number;
  total: number;
  acc: number;
  /** Sample standard deviation of the 0/1 values / sqrt(rows); 0 for one row. */
  accStderr: number;
  accNorm: number | null;
  accNormStderr: number | null;
  items: readonly TaskItem[];
}
