// The files that genai_config.json names, and decoders of several stages.

import { isJsonObject, type JsonObject } from '../../json.ts';
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
          found.push(at + plainPath(entry));
        else visit(entry, at, depth + 1);
      }
  };
  for (const path of configs)
    if (path.endsWith('genai_config.json'))
      visit(await readConfigFile(folder, path), path.slice(0, -'genai_config.json'.length), 0);
  return found;
}

/** A file name of a config as paths are written here. */
export function plainPath(name: string): string {
  return name.replaceAll('\\', '/').replace(/^(\.\/)+/, '');
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
