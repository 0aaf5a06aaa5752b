// What the configs and the README of an export say of its graphs.

import type { JsonObject } from '../../json.ts';
import { DataType, type Model, type ValueInfo } from '../../onnx/graph.ts';
import type { Removal } from '../structure/removal.ts';
import { graphSizes } from '../structure/sizes.ts';
import type { Structure } from '../structure/structure.ts';
import type { ReadmeFacts } from './readme.ts';
import { sessionOf } from './usage.ts';

/** The class of the model as config.json names it. */
export function architectureOf(config: JsonObject | null): string | null {
  const [first] = Array.isArray(config?.architectures) ? config.architectures : [];
  return typeof first === 'string' ? first : null;
}

/** Graphs of the source that the export does not have. */
export function leftOutGraphs(leftOut: readonly string[]): string[] {
  return leftOut.filter((path) => /\.onnx$/i.test(path));
}

/** What transformers.js takes each of several graphs for. */
export function dtypesOf(paths: readonly string[]): { components?: Record<string, string> } {
  if (paths.length < 2) return {};
  const sessions = paths.map(sessionOf);
  return { components: Object.fromEntries(sessions.map(({ name, dtype }) => [name, dtype])) };
}

/** The element type of the key-value caches that the graph takes. */
export function cacheType(
  structure: Structure,
  removal: Pick<Removal, 'names' | 'goneInputs'>,
  model: Model,
): 'float32' | 'float16' {
  const caches = writtenCaches(structure, removal);
  const found = model.graph.inputs.find(({ name }) => caches.has(name));
  return found?.type === DataType.float16 ? 'float16' : 'float32';
}

/** Which inputs and outputs have another element type than those of the original. */
export function retypedValues({ model }: Structure, { graph }: Model): ReadmeFacts['retyped'] {
  const types = (of: Model['graph']): Set<number> =>
    new Set([...of.inputs, ...of.outputs].map(({ type }) => type));
  const [before, after] = [types(model.graph), types(graph)];
  if (before.has(DataType.float16) || !after.has(DataType.float16)) return null;
  return after.has(DataType.float) ? 'caches' : 'all';
}

/**
 * transformers.js takes a symbolic head size of a cache input for 0, so the number is written.
 * @param headSize by the config, for caches of which the graph does not say it.
 */
export function nameHeadSize(
  model: Model,
  structure: Structure,
  removal: Pick<Removal, 'names' | 'goneInputs'>,
  headSize: number | null,
): void {
  const { caches: sizes } = graphSizes(structure);
  const found = new Map(
    [...writtenCaches(structure, removal)].map(
      ([name, source]) => [name, sizes.get(source)?.headSize ?? headSize] as const,
    ),
  );
  model.graph.inputs = model.graph.inputs.map((input): ValueInfo => {
    const { dims } = input;
    const size = found.get(input.name) ?? null;
    if (size === null || dims?.length !== 4 || typeof dims[3] === 'number') return input;
    return { ...input, dims: [...dims.slice(0, 3), size] };
  });
}

/** Key-value cache inputs by the names that they have after the removal, with those before it. */
function writtenCaches(
  { blocks }: Structure,
  { names, goneInputs }: Pick<Removal, 'names' | 'goneInputs'>,
): Map<string, string> {
  const inputs = blocks.flatMap(({ states }) =>
    states.filter(({ kind }) => kind === 'kv').map(({ input }) => input),
  );
  return new Map(
    inputs
      .filter((name) => !goneInputs.has(name))
      .map((name) => [names.get(name) ?? name, name] as const),
  );
}

/** Outputs of hidden states that are gone; numbers are those of the source. */
export function hiddenRemarks({ hidden }: Pick<Removal, 'hidden'>): string[] {
  if (hidden.gone.size === 0) return [];
  return [
    'Hidden states are given after each block that is left, numbered through. Outputs that are ' +
      `gone: ${[...hidden.gone].join(', ')} (numbers of the source).`,
  ];
}
