// Holds the exports of one model folder against its golden numbers: config, likelihoods, logits and
// greedy ids of the written graph, run as a whole.

import { EspalierError, toReport } from '../../errors.ts';
import { isJsonObject } from '../../json.ts';
import { manifestFolder } from '../../model/export/folder.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { Decoder } from '../../runtime/decode/decoder.ts';
import { generateGreedily } from '../../runtime/decode/greedy.ts';
import { GraphRunner } from '../../runtime/decode/likelihood.ts';
import type { Engine } from '../../runtime/device/engine.ts';
import { blocksLeft } from '../../units.ts';
import { VERSION } from '../../version.ts';
import type { CorpusEntry } from './entries.ts';
import {
  type CorpusGolden,
  compareNll,
  type Findings,
  floatGolden,
  logitTolerance,
  NLL_TOLERANCE,
  nllField,
  nllTolerance,
  type PrunedGolden,
} from './types.ts';

/** @param runs false where no device here has the kernels: structure and config are compared */
export async function checkPruned(
  opened: OpenedModel,
  entry: CorpusEntry,
  golden: CorpusGolden,
  engine: Engine,
  found: Findings,
  runs = true,
): Promise<void> {
  for (const want of golden.pruned) {
    const label = `removed [${want.removed.join(',')}]`;
    let pruned: OpenedModel;
    try {
      const manifest = await exportManifest(opened, want.removed, { app: VERSION });
      pruned = await openModel(manifestFolder(manifest, opened.folder), manifest.graph);
      if (want.refused !== undefined) {
        found.misses.push(`${label}: exported although removal is refused`);
        continue;
      }
    } catch (error) {
      if (want.refused === undefined) found.misses.push(`${label}: ${toReport(error).message}`);
      continue;
    }
    checkConfig(pruned, golden, want, label, found);
    const left = blocksLeft(opened.summary.numBlocks, want.removed);
    if (pruned.summary.numBlocks !== left)
      found.misses.push(
        `${label}: the export has ${pruned.summary.numBlocks} blocks, expected ${left}`,
      );
    if (!runs || (opened.structure.embedsInput && !opened.summary.canScore)) {
      found.notes.push(
        `${label}: structure only (${runs ? 'the graph takes no token ids' : 'no kernel here'})`,
      );
      continue;
    }
    try {
      await compareRun(pruned, entry, golden, want, engine, label, found);
    } catch (error) {
      if (!(error instanceof EspalierError) || error.code !== 'unsupported-op') throw error;
      found.notes.push(`${label}: not run here (${error.message})`);
    }
  }
}

function checkConfig(
  pruned: OpenedModel,
  golden: CorpusGolden,
  want: PrunedGolden,
  label: string,
  found: Findings,
): void {
  const { config, genai } = pruned.config.raw;
  const have =
    golden.configFile === 'GGUF metadata'
      ? metadataOf(pruned)
      : configSection(golden.configFile, config, genai);
  for (const [key, value] of Object.entries(want.config))
    if (!same(have?.[key], value))
      found.misses.push(
        `${label}: ${golden.configFile} has ${key} = ${JSON.stringify(have?.[key])}, ` +
          `expected ${JSON.stringify(value)}`,
      );
}

/** Keys and values of a GGUF file as plain JSON; null for another format. */
export function metadataOf({ tensorSource }: OpenedModel): Record<string, unknown> | null {
  if (tensorSource?.files.format !== 'gguf') return null;
  return Object.fromEntries(
    [...tensorSource.files.metadata].map(([key, { value }]) => [
      key,
      typeof value === 'bigint' ? Number(value) : value,
    ]),
  );
}

/**
 * The part of a config that a golden names as "genai_config.json model.decoder"; without a path,
 * genai_config.json means its decoder.
 */
export function configSection(
  configFile: string,
  config: unknown,
  genai: unknown,
): Record<string, unknown> | null {
  const [file, path = file === 'config.json' ? '' : 'model.decoder'] = configFile.split(' ');
  let section: unknown = file === 'config.json' ? config : genai;
  for (const key of path.split('.').filter((part) => part !== ''))
    section = isJsonObject(section) ? section[key] : null;
  return isJsonObject(section) ? section : null;
}

/** Equal as JSON, in any order of keys. */
export function same(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((value, i) => same(value, b[i]));
  if (isJsonObject(a) && isJsonObject(b)) {
    const keys = Object.keys(a);
    return (
      keys.length === Object.keys(b).length &&
      keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]))
    );
  }
  return a === b;
}

async function compareRun(
  pruned: OpenedModel,
  entry: CorpusEntry,
  golden: CorpusGolden,
  want: PrunedGolden,
  engine: Engine,
  label: string,
  found: Findings,
): Promise<void> {
  const tolerance = logitTolerance(entry.dtype, golden);
  const runner = await GraphRunner.open(pruned, engine);
  try {
    const { rows, vocab, data } = await runner.logits(want.promptIds);
    const last = data.subarray((rows - 1) * vocab);
    const values =
      want.top8 ?? want.lastHiddenFirst8?.map((value, i): [number, number] => [i, value]) ?? [];
    if (values.length === 0) found.misses.push(`${label}: the golden has no logits`);
    const worst = Math.max(
      0,
      ...values.map(([id, logit]) => Math.abs((last[id] ?? Number.NaN) - logit)),
    );
    found.maxLogitDiff = Math.max(found.maxLogitDiff ?? 0, worst);
    if (!(worst <= tolerance))
      found.misses.push(
        `${label}: logits differ by ${worst.toExponential(1)} (at most ${tolerance})`,
      );
    if (want.nll !== undefined && rows > 1) {
      const nll = await meanNll(runner, golden.windows);
      const most = nllTolerance(entry.dtype, golden);
      const what = `${label}: NLL of the whole graph`;
      compareNll(found, what, Math.abs(nll - want.nll), most, nllField(golden));
      const float = floatGolden(golden)?.pruned.find((one) => same(one.removed, want.removed));
      if (float?.nll !== undefined)
        compareNll(found, what, Math.abs(nll - float.nll), NLL_TOLERANCE);
    }
    await compareGreedy(pruned, runner, want, tolerance, label, found);
    found.prunedChecked += 1;
  } finally {
    await runner.dispose();
  }
}

/** Mean NLL of a whole graph over windows; NaN where it gives the last row only. */
export async function meanNll(
  runner: GraphRunner,
  windows: readonly (readonly number[])[],
): Promise<number> {
  let sum = 0;
  let count = 0;
  for (const window of windows) {
    const values = await runner.nllPerToken(window);
    if (!values) return Number.NaN;
    for (const value of values) sum += value;
    count += values.length;
  }
  return sum / count;
}

async function compareGreedy(
  pruned: OpenedModel,
  runner: GraphRunner,
  want: PrunedGolden,
  tolerance: number,
  label: string,
  found: Findings,
): Promise<void> {
  const { greedy, greedyMargins } = want;
  if (want.top8 && !(greedy && greedyMargins))
    found.misses.push(`${label}: the golden has no ${greedy ? 'greedyMargins' : 'greedy ids'}`);
  if (!greedy || !greedyMargins) return;
  // Activations quantised over the whole sequence make the cacheless run another computation: the
  // goldens were made with the cache.
  const dynamic = pruned.summary.problems.some(
    (problem) => problem.code === 'dynamic-quantisation',
  );
  for (const cache of dynamic ? [true] : [true, false]) {
    const decoder = await Decoder.over(runner.loaded, { cache });
    const { ids } = await generateGreedily(decoder, want.promptIds, greedy.length);
    decoder.close();
    const expected = dynamic ? (want.greedyDisagreement ?? greedy) : greedy;
    const equal = certain(expected, greedyMargins, tolerance).every((id, step) => ids[step] === id);
    found.greedyEqual = (found.greedyEqual ?? true) && equal;
    if (!equal)
      found.misses.push(
        `${label}: greedy ids ${cache ? 'with' : 'without'} KV cache are ` +
          `[${ids.join(',')}], expected [${expected.join(',')}]`,
      );
  }
}

/**
 * Greedy ids up to the first step whose margin is below the logit tolerance: from there on another
 * device may choose differently.
 */
function certain(
  ids: readonly number[],
  margins: readonly number[],
  tolerance: number,
): readonly number[] {
  const end = margins.findIndex((margin) => margin < tolerance);
  return end < 0 ? ids : ids.slice(0, end);
}
