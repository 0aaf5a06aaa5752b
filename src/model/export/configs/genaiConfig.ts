// The genai_config.json by which ONNX Runtime GenAI loads a graph that was made for tensor files.
// Source: github.com/microsoft/onnxruntime-genai, src/python/py/models/builders/base.py,
// make_genai_config; src/models/model_type.h.

import { type JsonObject, readJsonObject } from '../../../json.ts';
import type { Model } from '../../../onnx/graph.ts';
import { type Folder, readText } from '../../../onnx/source.ts';
import { MAX_CONFIG_BYTES, type ModelConfig } from '../../structure/config.ts';
import { graphSizes } from '../../structure/sizes.ts';
import type { Structure } from '../../structure/structure.ts';

/** Model types of ONNX Runtime GenAI that the families here have; others are plain decoders. */
const TYPES: ReadonlySet<string> = new Set([
  'gemma2',
  'gemma3_text',
  'granite',
  'llama',
  'mistral',
  'olmo',
  'phi3',
  'qwen2',
  'qwen3',
  'smollm3',
]);

/** Tokens that Transformers names in config.json or generation_config.json. */
const TOKENS = ['bos_token_id', 'eos_token_id', 'pad_token_id'] as const;

/** Where nothing else is said. */
const CONTEXT_TOKENS = 2048;

interface Described {
  /** config.json, tokenizer and generation_config.json. */
  folder: Folder;
  config: Pick<ModelConfig, 'contextLength' | 'family' | 'raw' | 'vocabSize'>;
  structure: Structure;
}

/**
 * The text of genai_config.json.
 * @param written the graph that is written, and its path from the top of the export
 * @param caches how many blocks with caches it has
 */
export async function genaiConfigJson(
  { folder, config, structure }: Described,
  written: { path: string; model: Model },
  caches: number,
): Promise<string> {
  const sizes = graphSizes(structure);
  const names = new Set(written.model.graph.inputs.map(({ name }) => name));
  const [key, value] = structure.blocks.flatMap(({ states }) => states);
  const pattern = (state: string | undefined): string => (state ?? '').replace(/\d+/, '%d');
  const given = Object.fromEntries(
    ['attention_mask', 'position_ids'].flatMap((name) => (names.has(name) ? [[name, name]] : [])),
  );
  const tokens = await specialTokens(folder, config.raw.config, config.vocabSize);
  const contextLength = Math.min(
    config.contextLength ?? CONTEXT_TOKENS,
    ...rotaryPositions(written.model),
  );
  const shared = structure.model.graph.nodes.some(({ op }) => op === 'GroupQueryAttention');
  const decoder = {
    session_options: { log_id: 'onnxruntime-genai', provider_options: [] },
    filename: written.path,
    head_size: sizes.headSize,
    hidden_size: sizes.hiddenSize,
    inputs: {
      input_ids: structure.tokenInput,
      ...given,
      past_key_names: pattern(key?.input),
      past_value_names: pattern(value?.input),
    },
    outputs: {
      logits: structure.logits,
      present_key_names: pattern(key?.output),
      present_value_names: pattern(value?.output),
    },
    num_attention_heads: sizes.heads,
    num_hidden_layers: caches,
    num_key_value_heads: sizes.kvHeads,
  };
  return `${JSON.stringify(
    {
      model: {
        ...tokens,
        context_length: contextLength,
        decoder,
        type: TYPES.has(config.family) ? config.family : 'decoder',
        vocab_size: config.vocabSize,
      },
      search: {
        do_sample: false,
        max_length: contextLength,
        min_length: 0,
        num_beams: 1,
        num_return_sequences: 1,
        past_present_share_buffer: shared,
        repetition_penalty: 1.0,
        temperature: 1.0,
        top_k: 50,
        top_p: 1.0,
      },
    },
    null,
    2,
  )}\n`;
}

/** Positions of the tables of rotations: those for long sequences, where there are two. */
function rotaryPositions({ graph }: Model): number[] {
  return [...graph.initializers].flatMap(([name, { dims }]) =>
    /^cos_cache/.test(name) && !name.endsWith('_small') ? [dims[0] ?? 0] : [],
  );
}

/**
 * Those of generation_config.json first, as Transformers generates by them. Ids beyond the
 * vocabulary, as of configs that name none of their own, would keep the runtime from loading.
 */
async function specialTokens(
  folder: Folder,
  config: JsonObject | null,
  vocabSize: number | null,
): Promise<JsonObject> {
  const text = await readText(folder, 'generation_config.json', MAX_CONFIG_BYTES);
  const read = text === null ? null : readJsonObject(text, { max: MAX_CONFIG_BYTES, python: true });
  const generation = read?.ok ? read.value : {};
  const section = (config?.text_config ?? {}) as JsonObject;
  const found = TOKENS.flatMap((name) => {
    const said = [generation[name], config?.[name], section[name]];
    const [value] = said.map((ids) => idsWithin(ids, vocabSize ?? Infinity)).filter(Boolean);
    return value ? [[name, value.length === 1 ? value[0] : value] as const] : [];
  });
  const tokens = Object.fromEntries(found);
  const end = tokens.eos_token_id;
  // Padding has to be named; the end of a text is what builders take without one.
  return { pad_token_id: Array.isArray(end) ? end[0] : end, ...tokens };
}

/** The ids of one or a list that a vocabulary has; null without any. */
function idsWithin(said: unknown, vocabSize: number): number[] | null {
  const ids = (Array.isArray(said) ? said : [said]).filter(
    (id) => Number.isInteger(id) && id >= 0 && id < vocabSize,
  );
  return ids.length > 0 ? ids : null;
}
