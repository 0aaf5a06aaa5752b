// Checkpoints that are refused for what their config says: quantised by another tool, or run by
// code of their own. Each is named, with what to do.

import { EspalierError } from '../../../errors.ts';
import { isJsonObject, type JsonObject } from '../../../json.ts';
import type { Folder } from '../../../onnx/source.ts';

/** What a quantised checkpoint is called by its `quant_method`. */
const METHODS: Readonly<Record<string, string>> = {
  gptq: 'GPTQ',
  awq: 'AWQ',
  fp8: 'FP8',
  fbgemm_fp8: 'FP8 (FBGEMM)',
  bitsandbytes: 'bitsandbytes',
  'compressed-tensors': 'compressed-tensors',
  modelopt: 'ModelOpt',
  mxfp4: 'MXFP4',
  hqq: 'HQQ',
  quanto: 'Quanto',
  torchao: 'torchao',
  aqlm: 'AQLM',
  eetq: 'EETQ',
  bitnet: 'BitNet',
};

/** Files in which older tools say how they quantised a checkpoint. */
const QUANTISER_FILES = ['quantize_config.json', 'quant_config.json', 'hf_quant_config.json'];

/** Models whose text model is a decoder, but sees the whole prompt at once. */
const BOTH_DIRECTIONS = /^(paligemma|colpali)/;

/**
 * Refuses a checkpoint whose config says that its tensors are not the plain weights of a model that
 * Transformers has.
 * @param config config.json, whole
 * @param folder root of the model
 * @throws EspalierError `unsupported-graph`
 */
export function requirePlainCheckpoint(config: JsonObject, folder: Folder): void {
  const texts = [config, config.text_config].filter(isJsonObject);
  for (const key of ['quantization_config', 'compression_config'])
    for (const section of texts)
      if (isJsonObject(section[key])) throw quantised(section[key], `config.json, ${key}`);
  const file = QUANTISER_FILES.find((name) => folder.open(name) !== null);
  if (file !== undefined) throw quantised({}, file);
  if (BOTH_DIRECTIONS.test(String(config.model_type)))
    throw new EspalierError(
      'unsupported-graph',
      `config.json says model_type ${config.model_type}: such a model reads its prompt in both ` +
        'directions, and the likelihood of a text in one direction says nothing of it.',
      'Open a model that reads text from left to right.',
    );
  const code = texts.map(({ auto_map }) => ownCode(auto_map)).find((named) => named !== null);
  if (code)
    throw new EspalierError(
      'unsupported-graph',
      `The checkpoint is a model with code of its own: config.json names ${code} in auto_map.`,
      'Only families that Transformers has itself are read. Where Transformers loads this ' +
        'checkpoint without that code, take auto_map out of config.json and open it again; ' +
        'otherwise export the model to ONNX.',
    );
}

function quantised(settings: JsonObject, where: string): EspalierError {
  const method = settings.quant_method ?? settings.quant_algo;
  const bits = settings.bits ?? settings.w_bit;
  const named =
    typeof method === 'string' && method !== ''
      ? (METHODS[method.toLowerCase()] ?? method.slice(0, 64))
      : bitsAndBytes(settings);
  return new EspalierError(
    'unsupported-graph',
    `The checkpoint is quantised${named ? ` with ${named}` : ''}` +
      `${typeof bits === 'number' ? ` to ${bits} bits` : ''} (${where}).`,
    'Open the checkpoint that it was made from, in float32, float16 or bfloat16: what is left of ' +
      'it can be exported with few bits here, or quantised by the same tool afterwards.',
  );
}

/** Older configs of bitsandbytes have no `quant_method`. */
const bitsAndBytes = ({ load_in_4bit: four, load_in_8bit: eight }: JsonObject): string | null =>
  four === true || eight === true ? 'bitsandbytes' : null;

/** The class that `auto_map` names for the model or its config, or null. */
function ownCode(map: unknown): string | null {
  if (!isJsonObject(map)) return null;
  const keys = Object.keys(map).filter((key) => /^Auto(Model|Config)/.test(key));
  const key = keys.find((name) => name === 'AutoModelForCausalLM') ?? keys[0];
  if (key === undefined) return null;
  const value = map[key];
  return typeof value === 'string' ? value.slice(0, 128) : key;
}

/**
 * The config of the text model: that of `text_config` in a multimodal checkpoint, whose tie of
 * embedding and head may be said around it; else all of it. Text models that compute for text alone
 * what another family computes have the type of that family.
 */
export function textConfig(config: JsonObject): JsonObject {
  const inner = [config.text_config, config.llm_config, config.language_config].find(isJsonObject);
  if (!inner) return ofPlainText(config);
  const { tie_word_embeddings: tied } = config;
  return ofPlainText({
    ...(tied === undefined ? {} : { tie_word_embeddings: tied }),
    // Transformers takes a text model without a type for a Llama in the models that began so.
    ...(LLAMA_INSIDE.test(String(config.model_type)) ? { model_type: 'llama' } : {}),
    ...inner,
  });
}

const LLAMA_INSIDE = /^(llava|llava_next|vipllava|idefics3|smolvlm)$/;

/**
 * Text models that differ from another family in the positions of images alone: a text has the same
 * position in all sections of a multimodal rotation.
 */
const SAME_FOR_TEXT: readonly [type: RegExp, family: string][] = [
  [/^qwen2(_5)?_vl(_text)?$/, 'qwen2'],
  [/^qwen3_vl(_text)?$/, 'qwen3'],
];

function ofPlainText(config: JsonObject): JsonObject {
  const family = SAME_FOR_TEXT.find(([type]) => type.test(String(config.model_type)))?.[1];
  if (family === undefined) return config;
  const ropes = ['rope_scaling', 'rope_parameters'].flatMap((key): [string, unknown][] =>
    isJsonObject(config[key]) ? [[key, withoutSections(config[key])]] : [],
  );
  return { ...config, model_type: family, ...Object.fromEntries(ropes) };
}

/** A rotation in sections for text, time and place, of which a text has one. */
function withoutSections(rope: JsonObject): JsonObject | null {
  const { mrope_section: sections, mrope_interleaved: _, ...rest } = rope;
  if (sections === undefined) return rope;
  const plain = Object.entries(rest).filter(
    ([key, value]) => !(/^(rope_)?type$/.test(key) && (value === 'mrope' || value === 'default')),
  );
  return plain.length > 0 ? Object.fromEntries(plain) : null;
}
