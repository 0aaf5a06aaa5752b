// Opens a model folder for a command: which graph, which device; prints nothing.

import { existsSync } from 'node:fs';
import type { SelfTest } from '../contract/device.ts';
import type { OpenVariant } from '../contract/variant.ts';
import { EspalierError } from '../errors.ts';
import { graphChoices } from '../model/graphs/choices.ts';
import { currentGraphs, onlyOne } from '../model/open/graphs.ts';
import { needsFloats } from '../model/open/made.ts';
import { type OpenedModel, openModel } from '../model/open/open.ts';
import type { GraphChoice } from '../model/open/summary.ts';
import { unitsObstacle } from '../model/structure/removable.ts';
import { removalObstacle } from '../model/structure/removeGraph.ts';
import { type CountingFolder, nodeFolder } from '../node/folder.ts';
import { LoadedVariant } from '../runtime/decode/variant.ts';
import { findAdapter } from '../runtime/device/adapter.ts';
import type { OrtLoader } from '../runtime/device/ort.ts';
import { runSelfTest } from '../runtime/device/selfTest.ts';
import { openRouted, type RoutedSession } from '../runtime/score/route.ts';
import type { Unit } from '../units.ts';
import { graphPath, UsageError } from './args.ts';
import { chosenDevice } from './device.ts';
import { megabytes } from './output.ts';
import type { RunValues } from './sharedOptions.ts';
import type { Precision } from './steps.ts';

/**
 * What `use` makes of a folder that exists; its files are closed afterwards. @throws EspalierError
 * `missing-file`, what `use` throws
 */
export async function withFolder<T>(
  path: string,
  use: (folder: CountingFolder) => Promise<T>,
): Promise<T> {
  if (!existsSync(path))
    throw new EspalierError(
      'missing-file',
      `There is no file or folder ${path}.`,
      'Name the folder of a model, or a GGUF or safetensors file.',
    );
  const folder = await nodeFolder(path);
  try {
    return await use(folder);
  } finally {
    await folder.close();
  }
}

/**
 * The model of a folder.
 * @param precisions in which it is to be written. Matrices of a GGUF file in 4 or 8 bits become
 *   float32 where all of them need that.
 * @throws UsageError when it has several graphs and none is named.
 */
export async function openForCommand(
  folder: CountingFolder,
  named: string | undefined,
  precisions: readonly Precision[] = [],
): Promise<OpenedModel> {
  const opened = await openNamed(folder, named);
  const dtypes = precisions.map((precision) => (precision === 'keep' ? null : precision));
  return needsFloats(opened.summary, dtypes) ? openModel(folder, opened.graphPath, true) : opened;
}

async function openNamed(folder: CountingFolder, named: string | undefined): Promise<OpenedModel> {
  if (folder.files.length === 0)
    throw new EspalierError(
      'missing-file',
      `There is no file in ${folder.name}.`,
      'Name the folder of a model. Links that lead nowhere are passed over.',
    );
  const graphs = await currentGraphs(folder);
  if (named === undefined) {
    const [only, ...more] = onlyOne(graphs);
    if (more.length > 0)
      throw new UsageError(`${whatIsIn(folder.name, graphs)} Name one:\n${listed(graphs)}`);
    return openModel(folder, only?.path);
  }
  const wanted = graphPath(named);
  // The path within a model that the folder wraps will do where it says which graph is meant.
  const exact = (await graphChoices(folder)).filter(({ path }) => path === wanted);
  const found = exact.length > 0 ? exact : graphs.filter(({ path }) => path.endsWith(`/${wanted}`));
  const [graph, another] = found;
  if (another)
    throw new UsageError(
      `${folder.name} has ${found.length} graphs ${wanted}. Name one:\n${listed(found)}`,
    );
  if (!graph) {
    const known = graphs.map((g) => g.path).join(', ') || 'none';
    throw new EspalierError(
      'missing-file',
      `There is no graph ${wanted} in ${folder.name}.`,
      `It has: ${known}.`,
    );
  }
  return openModel(folder, graph.path);
}

function whatIsIn(name: string, graphs: readonly GraphChoice[]): string {
  const models = new Set(graphs.map(({ model }) => model)).size;
  return models > 1
    ? `${name} holds ${models} models with ${graphs.length} graphs.`
    : `${name} has ${graphs.length} ${graphs.some((g) => g.format) ? 'models' : 'graphs'}.`;
}

const listed = (graphs: readonly GraphChoice[]): string =>
  graphs
    .map(
      (g) => `  --model ${g.path}  (${[g.dtype, megabytes(g.bytes)].filter(Boolean).join(', ')})`,
    )
    .join('\n');

/**
 * Sees that the units can be removed together, before anything is run. @throws EspalierError
 * `bad-input`
 */
export function checkPlan({ structure, summary }: OpenedModel, removed: readonly Unit[]): void {
  const wrong = unitsObstacle(summary.blocks, removed) ?? removalObstacle(structure, removed);
  if (wrong !== null) throw new EspalierError('bad-input', wrong, 'Change --remove.');
}

let tested: Promise<SelfTest | null> | null = null;

/** The self-test of the GPU that Node finds, once per process; null without one. */
function selfTestOnce(loader: OrtLoader): Promise<SelfTest | null> {
  tested ??= findAdapter(loader).then((adapter) => (adapter ? runSelfTest(loader) : null));
  return tested;
}

/**
 * Variants of a model in this process, one after the other on the same ONNX Runtime. @throws
 * EspalierError `no-webgpu` when it is asked for and there is none
 */
export async function openVariants(
  opened: OpenedModel,
  values: RunValues,
  graphCapture = false,
): Promise<OpenVariant> {
  const { kind: device, loader } = await chosenDevice(values);
  const selfTest = device === 'webgpu' ? await selfTestOnce(loader) : null;
  return (removed, signal, onProgress, steps = []) =>
    LoadedVariant.open(opened, { removed, steps, device, selfTest, graphCapture }, loader, {
      signal,
      onProgress,
    });
}

/** A scoring session on the device that is asked for, or on the one that stands in for it. */
export async function openSession(opened: OpenedModel, values: RunValues): Promise<RoutedSession> {
  const { kind, loader } = await chosenDevice(values);
  return openRouted(opened, loader, kind, () => selfTestOnce(loader));
}
