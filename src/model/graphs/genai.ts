// The files that genai_config.json names, and decoders of several stages.

import { EspalierError } from '../../errors.ts';
import { isJsonObject, type JsonObject } from '../../json.ts';
import { joinPath } from '../../onnx/external.ts';
import type { Folder } from '../../onnx/source.ts';
import { readConfigFile } from '../structure/config.ts';

/** Deepest nesting of a config that is searched. */
const MAX_DEPTH = 8;

/**
 * Paths of the files that genai_config.json names, whether they are there or not.
 * @param configs paths of configs; others than genai_config.json name nothing.
 */
export async function namedFiles(folder: Folder, configs: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  const visit = (value: unknown, at: string, depth: number): void => {
    if (depth > MAX_DEPTH) return;
    if (Array.isArray(value)) for (const entry of value) visit(entry, at, depth + 1);
    else if (isJsonObject(value))
      for (const [key, entry] of Object.entries(value)) {
        if (typeof entry === 'string' && /(^|_)filename$/.test(key))
          found.push(namedPath(at, entry) ?? entry);
        else visit(entry, at, depth + 1);
      }
  };
  for (const path of configs)
    if (path.endsWith('genai_config.json')) visit(await readConfigFile(folder, path), path, 0);
  return found;
}

/**
 * What to say of files that genai_config.json names and the folder lacks; null when all are there.
 */
export async function missingNamedFiles(
  folder: Folder,
  configs: readonly string[],
): Promise<string | null> {
  const there = new Set(folder.files.map(({ path }) => path));
  const missing = new Set((await namedFiles(folder, configs)).filter((path) => !there.has(path)));
  return missing.size === 0
    ? null
    : `genai_config.json names ${[...missing].slice(0, 6).join(', ')}, which ` +
        `${missing.size > 1 ? 'are' : 'is'} not in the folder: onnxruntime-genai cannot load the ` +
        'model like this, nor an export of it.';
}

/** The path of a file that this config names; null for none, and for one outside the folder. */
export function namedPath(config: string, name: unknown): string | null {
  if (typeof name !== 'string' || name === '') return null;
  try {
    return joinPath(config, name);
  } catch (error) {
    if (error instanceof EspalierError) return null;
    throw error;
  }
}

/** A graph of a decoder that is divided into a pipeline. */
interface Stage {
  name: string;
  /** As the config has it; empty where it names none. */
  file: string;
}

/** The stages of a decoder that genai_config.json divides into a pipeline; else none. */
export function pipelineStages(genai: JsonObject | null): Stage[] {
  const model = isJsonObject(genai?.model) ? genai.model : null;
  const decoder = isJsonObject(model?.decoder) ? model.decoder : null;
  const stages = Array.isArray(decoder?.pipeline) ? decoder.pipeline : [];
  return stages.flatMap((stage) =>
    Object.entries(isJsonObject(stage) ? stage : {}).map(([name, settings]) => {
      const file = isJsonObject(settings) ? settings.filename : '';
      return { name, file: typeof file === 'string' ? file : '' };
    }),
  );
}
