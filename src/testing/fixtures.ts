// Paths and contents of test models, goldens and texts, for tests in Node.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { derivedNames, fixtureFolder } from './derived.ts';

const ROOT = new URL('../../', import.meta.url);

/**
 * Absolute path of a fixture folder or file, such as `optimum-llama-fp32`; folders stored as
 * recipes are built on first use.
 */
export function fixturePath(name: string): string {
  if (derivedNames().includes(name)) return fixtureFolder(name);
  return fileURLToPath(new URL(`e2e/fixtures/${name}`, ROOT));
}

/**
 * Absolute path of a case: a small input from a public report, with `expect.json` beside it, which
 * names the report and the right result.
 */
export function casePath(name: string): string {
  return fileURLToPath(new URL(`src/testing/cases/${name}`, ROOT));
}

/** What `expect.json` of a case says; its shape differs by case. */
export function caseExpect<T>(name: string): T {
  return JSON.parse(readFileSync(casePath(`${name}/expect.json`), 'utf8')) as T;
}

/** Absolute path of the sample model's folder. */
export function samplePath(): string {
  return fileURLToPath(new URL('public/sample', ROOT));
}

/** The bundled calibration text. */
export function calibrationText(): string {
  return readFileSync(new URL('public/text/calibration.txt', ROOT), 'utf8');
}

/** The bundled evaluation text, which never calibrates anything. */
export function evaluationText(): string {
  return readFileSync(new URL('public/text/evaluation.txt', ROOT), 'utf8');
}

/**
 * Golden numbers by name: a fixture folder's name, `sample`, `sample-q4` or `sample-evaluation`.
 * The shape differs by file (tools/make_goldens.py, tools/sample_golden.py), so the caller names
 * the part it reads.
 */
export function golden<T = FixtureGolden>(name: string): T {
  return JSON.parse(readFileSync(fixturePath(`golden/${name}.json`), 'utf8')) as T;
}

/** Mean NLL of a model over the golden windows, and of each window. */
interface GoldenMeasure {
  nll: number;
  nllPerWindow: number[];
}

/** The goldens of a fixture folder; tools/README.md describes them. */
export interface FixtureGolden {
  fixture: string;
  maker: string;
  notes: string[];
  windows: number[][];
  /** null when the graph cannot give per-token numbers. */
  baseline: GoldenMeasure | null;
  blocks:
    | (({ index: number; refused?: never } & GoldenMeasure) | { index: number; refused: string })[]
    | null;
  configFile: string;
  pruned: {
    removed: number[];
    /** Set when this removal is refused; the fields below are absent then. */
    refused?: string;
    /** Exactly the keys of `configFile` that change. */
    config: Record<string, unknown>;
    promptIds: number[];
    /** [token id, logit] of the eight largest logits after the prompt. */
    top8: [number, number][];
    greedy: number[];
    /** Best minus second logit at each greedy step. */
    greedyMargins: number[];
  }[];
  nllTol: number;
  logitTol: number;
}

/** Means of 4-bit and float16 graphs with exact activations (tools/make_level0.py). */
export interface Level0Golden {
  maker: string;
  folders: Record<
    string,
    { nll: number; blocks: { index: number; nll: number }[]; spread: number }
  >;
}

/** The sample's goldens as far as tests read them; tools/sample_golden.py writes more. */
export interface SampleGolden {
  windows: number[][];
  samples: number;
  length: number;
  params: number;
  block_params: number;
  baseline_ppl: number;
  baseline_nll_per_sample: number[];
  loo_ppl: number[];
  loo_nll: number[];
  /** [block][window] */
  loo_nll_per_sample: number[][];
  ppl_order: number[];
  /** Number of blocks removed at once, lowest first -> PPL. */
  oneshot: Record<string, number>;
  prompt_ids: number[];
  generation: {
    removed: number[];
    removedUnits: string[];
    nll: number;
    greedy_ids: number[];
    greedyMargins: number[];
    text: string;
    top8_ids: number[];
    top8_logits: number[];
  }[];
}

/** A row of corpus.json: what tools/blocks.py finds in a folder. */
export interface CorpusRow {
  folder: string;
  /** Path of the graph within the folder. */
  file: string;
  family: string;
  exporter: string;
  dtype: string;
  supported: boolean;
  refusal: string | null;
  numBlocks: number | null;
  layout: string;
  configNumLayers: number;
  nodes: number;
  dataFiles: string[];
  hasLogits: boolean;
  /** False when the graph gives the last token's logits only. */
  perToken: boolean;
  staticCache: boolean;
  /** From here on: only in rows of folders whose blocks were found. */
  anchor?: string;
  cuts?: string[];
  midCuts?: string[] | null;
  kvInputs?: { in: string[]; out: string[]; dtype: string; order: string[] } | null;
  structuralClasses?: number[];
  sideValues?: { name: string; dtype: string; blocks: number[] }[];
  unremovable?: number[];
  unremovableWhy?: string | null;
  notes: string[];
}

const rows = (name: string): CorpusRow[] =>
  JSON.parse(readFileSync(fixturePath(name), 'utf8')) as CorpusRow[];

/** The folders that most tests use: every family, exporter and precision, and every obstacle. */
export function corpus(): CorpusRow[] {
  return [...rows('corpus.json'), ...rows('derived/corpus.json')];
}

/**
 * The same, families of 2025 and 2026, and variants of the small Llama: simplified, renamed,
 * without caches, without an embedding table, with logits of the last token only, and so on.
 */
export function wholeCorpus(): CorpusRow[] {
  return [...corpus(), ...rows('families.json'), ...rows('derived/variants.json')];
}
