// Reads the list of a corpus: corpus.json, corpus2.json or corpus3.json, whose rows name the graph
// in different ways. Decides which rows are checked.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EspalierError } from '../../errors.ts';

/** The part of an entry that is checked. */
export interface CorpusEntry {
  folder: string;
  /** Path of the graph; absent where `components`, or the folder, say which it is. */
  file?: string;
  /** What a folder is, in corpus2.json: merged, split, shared-cache, safetensors, gguf. */
  kind?: string;
  dtype: string;
  /** Whether it must open; absent in corpus2.json, which has `expected`. */
  supported?: boolean;
  expected?: { opens: boolean };
  components?: { decoder?: string };
  numBlocks: number | null;
  configNumLayers?: number | null;
  cuts?: string[];
  structuralClasses?: number[];
  unremovable?: number[];
  /** Blocks that can go alone; the others go only together with those that borrow their cache. */
  legalSingleRemovals?: number[];
  /** Names of cache inputs. */
  states?: string[];
  notes?: string[];
}

export interface Corpus {
  /** Name of the list. */
  file: string;
  entries: CorpusEntry[];
}

/** Notes of a row for which no device of the goldens had the kernels. */
const NO_KERNEL = /no onnxruntime CPU kernel|kernels for CUDA only/;

/**
 * Reads the list of a folder.
 * @throws EspalierError `missing-file` when there is none, or it is no list of entries.
 */
export function readCorpus(root: string): Corpus {
  let file = 'corpus.json';
  try {
    file = readdirSync(root).find((name) => /^corpus\d*\.json$/.test(name)) ?? file;
    const entries = JSON.parse(readFileSync(join(root, file), 'utf8')) as CorpusEntry[];
    if (!Array.isArray(entries) || entries.some((entry) => typeof entry?.folder !== 'string'))
      throw new Error('not an array of entries');
    return { file, entries };
  } catch (error) {
    throw new EspalierError(
      'missing-file',
      `${root} has no readable ${file}.`,
      'Name a folder that holds one.',
      String(error),
    );
  }
}

/** Whether the row must open and be pruned. */
export const mustOpen = ({ supported, expected }: CorpusEntry): boolean =>
  supported ?? expected?.opens ?? true;

/** Blocks of a row that opens although a refusal is allowed for. */
export const blocksOf = ({ numBlocks, configNumLayers }: CorpusEntry): number | null =>
  numBlocks ?? configNumLayers ?? null;

/** Whether nothing here can run the graph: it opens, names the operator and stays unverified. */
export const hasNoKernel = ({ notes }: CorpusEntry): boolean =>
  notes?.some((note) => NO_KERNEL.test(note)) ?? false;

/** Path of the graph to open, or undefined when the folder holds one model. */
export const graphOf = (entry: CorpusEntry): string | undefined =>
  entry.file ?? entry.components?.decoder;
