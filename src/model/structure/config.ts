// What config.json or genai_config.json says of a model, under our names; must not decide anything
// that the graph can tell.

import { EspalierError } from '../../errors.ts';
import {
  isJsonObject,
  type JsonObject,
  type JsonResult,
  MAX_CONFIG_BYTES,
  readJsonObject,
} from '../../json.ts';
import { type Folder, readText } from '../../onnx/source.ts';

/** Declared facts; null where a config does not say. */
export interface ModelConfig {
  /** config.json `model_type`, genai_config `model.type`, or "unknown". Information only. */
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
  /** The files as they are, or null when the folder has none. */
  raw: { config: JsonObject | null; genai: JsonObject | null };
}

/** Keys under which families write their layer count. */
const COUNT_KEYS = ['num_hidden_layers', 'n_layer', 'n_layers', 'num_layers'] as const;

/**
 * @throws EspalierError `corrupt-file` when a config is not JSON, `bad-input` when the two configs
 * declare different layer counts
 */
export async function readConfig(folder: Folder): Promise<ModelConfig> {
  const config = await readJson(folder, 'config.json');
  const genai = await readJson(folder, 'genai_config.json');
  const [one, other] = [interpretConfig(config, null).layers, interpretConfig(null, genai).layers];
  if (one !== null && other !== null && one !== other) {
    throw new EspalierError(
      'bad-input',
      `config.json says ${one} layers, but genai_config.json says ${other}.`,
      'One of them belongs to another model or is stale: correct or remove it.',
    );
  }
  return interpretConfig(config, genai);
}

/**
 * The declared facts; config.json is asked first, then genai_config.json, text_config within
 * either.
 */
export function interpretConfig(config: JsonObject | null, genai: JsonObject | null): ModelConfig {
  const model = object(genai?.model);
  const decoder = object(model?.decoder);
  const places = [
    config,
    object(config?.text_config),
    decoder,
    object(decoder?.text_config),
    model,
  ].filter((c) => c !== null);
  const number = (...keys: readonly string[]): number | null => {
    for (const place of places) {
      for (const key of keys) {
        const value = place[key];
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

/**
 * A JSON object of the folder, or null when there is no such file. @throws EspalierError
 * `corrupt-file`
 */
async function readJson(folder: Folder, path: string): Promise<JsonObject | null> {
  const text = await readText(folder, path, MAX_CONFIG_BYTES, 'corrupt-file');
  if (text === null) return null;
  const read = readJsonObject(text, { max: MAX_CONFIG_BYTES, python: true });
  if (!read.ok) throw unreadable(path, read);
  return read.value;
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
