// What config.json and genai_config.json declare about a model, and what the graph says instead.

import { EspalierError } from '../../errors.ts';
import { isJsonObject, type JsonObject, type JsonResult, readJsonObject } from '../../json.ts';
import { type Folder, readText } from '../../onnx/source.ts';
import type { GraphSizes } from './sizes.ts';

/**
 * Most bytes of config.json, genai_config.json or generation_config.json, far above any real one.
 */
export const MAX_CONFIG_BYTES = 16 * 2 ** 20;

/** Properties of a model; null where neither config nor graph says them. */
export interface ModelConfig {
  /** config.json `model_type`, genai_config `model.type`, or "unknown". For display only. */
  family: string;
  /** Declared number of layers. */
  layers: number | null;
  hiddenSize: number | null;
  headSize: number | null;
  heads: number | null;
  kvHeads: number | null;
  vocabSize: number | null;
  /** Tokens. */
  contextLength: number | null;
  /** Where a config contradicts the graph, as sentences; the graph counts. */
  differences?: readonly string[];
  /** The parsed files, or null where the folder has none. */
  raw: { config: JsonObject | null; genai: JsonObject | null };
}

/** Keys of the layer count in various model families. */
export const COUNT_KEYS: readonly string[] = [
  'num_hidden_layers',
  'n_layer',
  'n_layers',
  'num_layers',
];

/**
 * Reads both configs of a folder.
 * @throws EspalierError `corrupt-file` when one is not JSON; `bad-input` when they declare
 *   different layer counts.
 */
export async function readConfig(folder: Folder): Promise<ModelConfig> {
  const config = await readJson(folder, 'config.json');
  const genai = await readJson(folder, 'genai_config.json');
  const [one, other] = [interpretConfig(config, null).layers, interpretConfig(null, genai).layers];
  if (one !== null && other !== null && one !== other) {
    throw new EspalierError(
      'bad-input',
      `config.json says ${one} layers, but genai_config.json says ${other}.`,
      'One of them belongs to another model or is outdated: correct or remove it.',
    );
  }
  return interpretConfig(config, genai);
}

/**
 * The declared properties: from config.json first, then genai_config.json, and from text_config in
 * either.
 */
export function interpretConfig(config: JsonObject | null, genai: JsonObject | null): ModelConfig {
  const model = object(genai?.model);
  const decoder = object(model?.decoder);
  const sections = [
    config,
    object(config?.text_config),
    decoder,
    object(decoder?.text_config),
    model,
  ].filter((c) => c !== null);
  const number = (...keys: readonly string[]): number | null => {
    for (const section of sections) {
      for (const key of keys) {
        const value = section[key];
        if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
      }
    }
    return null;
  };
  const hiddenSize = number('hidden_size', 'n_embd', 'd_model', 'dim');
  const heads = number('num_attention_heads', 'n_head', 'n_heads', 'num_heads');
  const type = config?.model_type ?? model?.type;
  return {
    family: typeof type === 'string' && type ? type : 'unknown',
    layers: number(...COUNT_KEYS),
    hiddenSize,
    headSize:
      number('head_size', 'head_dim') ??
      (hiddenSize && heads ? Math.floor(hiddenSize / heads) : null),
    heads,
    kvHeads: number('num_key_value_heads', 'n_head_kv', 'num_kv_heads') ?? heads,
    vocabSize: number('vocab_size'),
    contextLength: number(
      'max_position_embeddings',
      'context_length',
      'n_positions',
      'n_ctx',
      'max_seq_len',
    ),
    raw: { config, genai },
  };
}

/** The config with the sizes that the graph says, which count where both say one. */
export function withGraphSizes(config: ModelConfig, sizes: GraphSizes): ModelConfig {
  const { hiddenSize, vocabSize, heads, kvHeads, headSize } = config;
  const differences = [
    difference('a hidden size', hiddenSize, sizes.hiddenSize),
    difference('a vocabulary', vocabSize, sizes.vocabSize),
  ].filter((sentence) => sentence !== null);
  return {
    ...config,
    hiddenSize: sizes.hiddenSize ?? hiddenSize,
    vocabSize: sizes.vocabSize ?? vocabSize,
    heads: sizes.heads ?? heads,
    kvHeads: sizes.kvHeads ?? kvHeads,
    headSize: sizes.headSize ?? headSize,
    differences,
  };
}

function difference(what: string, declared: number | null, found: number | null): string | null {
  if (declared === null || found === null || declared === found) return null;
  return (
    `The config says ${what} of ${declared}, but the graph has ${found}: the number of the graph ` +
    'is used.'
  );
}

/**
 * A JSON file of the folder, or null when there is none.
 * @throws EspalierError `corrupt-file` when it is not a JSON object.
 */
async function readJson(folder: Folder, path: string): Promise<JsonObject | null> {
  const text = await readText(folder, path, MAX_CONFIG_BYTES, 'corrupt-file');
  if (text === null) return null;
  const read = readJsonObject(text, { max: MAX_CONFIG_BYTES, python: true });
  if (!read.ok) throw unreadable(path, read);
  return read.value;
}

/**
 * A JSON file of the folder; null where there is none that can be read, of which opening the model
 * says what is wrong.
 */
export async function readConfigFile(folder: Folder, path: string): Promise<JsonObject | null> {
  const size = folder.open(path)?.size ?? 0;
  if (size === 0 || size > MAX_CONFIG_BYTES) return null;
  const text = await readText(folder, path, MAX_CONFIG_BYTES);
  const read = text === null ? null : readJsonObject(text, { max: MAX_CONFIG_BYTES, python: true });
  return read?.ok ? read.value : null;
}

function unreadable(
  path: string,
  { problem, detail }: Omit<JsonResult & { ok: false }, 'ok'>,
): EspalierError {
  return new EspalierError(
    'corrupt-file',
    `${path} ${problem}.`,
    'Get the file again, or correct it.',
    detail,
  );
}

function object(value: unknown): JsonObject | null {
  return isJsonObject(value) ? value : null;
}
