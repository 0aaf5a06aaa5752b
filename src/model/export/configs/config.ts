// Rewrites config.json and genai_config.json for a pruned model. Only what changes is touched:
// every other number stays as it was written, digit for digit.

import { EspalierError } from '../../../errors.ts';
import { mapOutsideStrings, readJsonObject } from '../../../json.ts';
import { textConfig } from '../../open/tensors/refusals.ts';
import { COUNT_KEYS, MAX_CONFIG_BYTES } from '../../structure/config.ts';
import { type Json, type JsonObject, prunedPatterns } from './layerPatterns.ts';

/** Configs of the language model inside a larger one. Encoders beside it keep theirs. */
const NESTED = ['text_config', 'language_config', 'llm_config', 'thinker_config', 'decoder'];

/** Lists that can have any length and never run over blocks. */
const NOT_PER_BLOCK = [
  /token|architectures|languages|factor|pinpoints|modules/,
  /_(section|limit)$/,
  /^(ssm|mlp)_multipliers$/,
];

/** Lists of block indices, as opposed to one entry per block. */
const INDEX_LISTS = [
  /^(mlp_only|moe|dense|mamba|attn|sliding_window|global_attn)_layers$/,
  /^((full|cross)_)?attention_layers$/,
  /_(idx|idxs|index|indices|indexes|layer_ids)$/,
];

/** Strings with one letter per block (M for Mamba, * for attention). */
const LETTERS = ['hybrid_override_pattern', 'layers_block_pattern'];

/**
 * The keys of one config object that change when only the blocks `keep` of `n` stay, with their new
 * values: the count, every list with one entry per block (`attention_types` of GPT-Neo too), lists
 * of block indices, counts and periods of layers, and `sliding_window.layers` of
 * onnxruntime-genai; in the config of a text decoder inside it too.
 */
export function prunedKeys(config: JsonObject, n: number, keep: readonly number[]): JsonObject {
  return pruned(config, n, keep).changed;
}

/** What a config cannot say of the layers that are left, as sentences; none in most cases. */
export function configRemarks(text: string, n: number, keep: readonly number[]): string[] {
  const read = readJsonObject(text, { max: MAX_CONFIG_BYTES, python: true });
  return read.ok ? pruned(read.value as JsonObject, n, keep).remarks : [];
}

function pruned(
  config: JsonObject,
  n: number,
  keep: readonly number[],
): { changed: JsonObject; remarks: string[] } {
  const changed: JsonObject = {};
  const remarks: string[] = [];
  // A config around that of the decoder has lists of its own, which are not per block.
  const counts = COUNT_KEYS.some((key) => typeof config[key] === 'number');
  const around = !counts && NESTED.some((key) => isObject(config[key]));
  if (!around) {
    const patterns = prunedPatterns(config, { n, keep });
    Object.assign(changed, patterns.changed);
    remarks.push(...patterns.remarks);
  }
  for (const [key, value] of Object.entries(config)) {
    // Assigning it would replace the prototype instead.
    if (key === '__proto__' || Object.hasOwn(changed, key)) continue;
    if (COUNT_KEYS.includes(key) && typeof value === 'number') changed[key] = keep.length;
    else if (NESTED.includes(key) && isObject(value)) {
      const inner = pruned(value, n, keep);
      if (Object.keys(inner.changed).length > 0) changed[key] = { ...value, ...inner.changed };
      remarks.push(...inner.remarks);
    } else if (around) continue;
    else if (key === 'sliding_window' && isObject(value) && Array.isArray(value.layers)) {
      changed[key] = { ...value, layers: renumbered(value.layers, keep) };
    } else if (key === 'attention_types' && Array.isArray(value)) {
      const perBlock = attentionKinds(value, n);
      if (perBlock?.length === n) changed[key] = [[keep.map((i) => perBlock[i] as Json), 1]];
    } else if (LETTERS.includes(key) && typeof value === 'string' && value.length === n)
      changed[key] = keep.map((i) => value[i]).join('');
    else if (
      Array.isArray(value) &&
      INDEX_LISTS.some((list) => list.test(key)) &&
      isIndexList(value, n)
    )
      changed[key] = renumbered(value, keep);
    else if (
      Array.isArray(value) &&
      value.length === n &&
      !NOT_PER_BLOCK.some((list) => list.test(key))
    )
      changed[key] = keep.map((i) => value[i] as Json);
  }
  return { changed, remarks };
}

/** Ascending numbers of blocks; a list of flags with one entry per block is none. */
function isIndexList(value: readonly Json[], n: number): boolean {
  return (
    value.length > 0 &&
    value.every(
      (i, k) =>
        typeof i === 'number' &&
        Number.isInteger(i) &&
        i >= 0 &&
        i < n &&
        (k === 0 || i > (value[k - 1] as number)),
    )
  );
}

/**
 * GPT-Neo's list of [kinds, repeats] with one entry for each of `n` blocks, or null when it has
 * another form or length.
 */
function attentionKinds(groups: readonly Json[], n: number): Json[] | null {
  const found: Json[] = [];
  for (const group of groups) {
    const [kinds, repeats] = Array.isArray(group) ? group : [];
    if (
      !Array.isArray(kinds) ||
      typeof repeats !== 'number' ||
      kinds.length * repeats > n - found.length
    )
      return null;
    // A group of no kinds may be repeated without end.
    for (let k = 0; k < repeats && kinds.length > 0; k++) found.push(...kinds);
  }
  return found;
}

function renumbered(indices: readonly Json[], keep: readonly number[]): Json[] {
  return indices
    .filter((i) => typeof i === 'number' && keep.includes(i))
    .map((i) => keep.indexOf(i as number));
}

export interface OnePrecision {
  dtype: string;
  caches: 'float32' | 'float16';
  /** The precision of each graph by its name, where there are several graphs. */
  components?: Readonly<Record<string, string>>;
}

/** What transformers.js needs to know of the graphs of an export. */
export interface WrittenGraphs {
  /** File name of each graph to the number of external data files beside it. */
  parts: Readonly<Record<string, number>>;
  /**
   * Where it is another than the source's: its name, and the element type of the caches. Of several
   * in one folder: those with float16 caches.
   */
  precision?: OnePrecision | { halves: readonly string[] };
}

/**
 * config.json of the pruned model.
 * @param written what transformers.js is told of the graphs; null leaves its settings alone.
 * @throws EspalierError `bad-input` when the text is not JSON.
 */
export function prunedConfigJson(
  text: string,
  n: number,
  keep: readonly number[],
  written: WrittenGraphs | null,
): string {
  return edited(text, 'config.json', (config) => {
    const changed = { ...config, ...prunedKeys(config, n, keep) };
    if (!written) return changed;
    const settings = isObject(config['transformers.js_config'])
      ? config['transformers.js_config']
      : {};
    const formats = Object.entries(written.parts).map(([graph, parts]) => [
      graph,
      parts > 1 ? parts : parts === 1,
    ]);
    // With several precisions in the folder the user names one.
    const { dtype, ...rest } = settings;
    const several = written.precision && 'halves' in written.precision;
    changed['transformers.js_config'] = {
      ...(several || dtype === undefined ? rest : settings),
      use_external_data_format: Object.fromEntries(formats),
      ...(written.precision ? precisionSettings(settings, written.precision) : {}),
    };
    return changed;
  });
}

/**
 * config.json with further fields, in a section of it or at its top.
 * @throws EspalierError `bad-input` when the text is not JSON.
 */
export function withFields(text: string, section: string | null, fields: JsonObject): string {
  return edited(text, 'config.json', (config) => {
    const part = section === null ? undefined : config[section];
    return section !== null && isObject(part)
      ? { ...config, [section]: { ...part, ...fields } }
      : { ...config, ...fields };
  });
}

/** The one precision that is there is the one to load; version 3 is told the type of its caches. */
function precisionSettings(
  settings: JsonObject,
  precision: NonNullable<WrittenGraphs['precision']>,
): JsonObject {
  if ('halves' in precision) {
    const { halves } = precision;
    const caches = Object.fromEntries(halves.map((dtype) => [dtype, 'float16']));
    return halves.length > 0 ? { kv_cache_dtype: caches } : {};
  }
  const { dtype, caches, components } = precision;
  const told = caches === 'float16' || settings.kv_cache_dtype !== undefined;
  return { dtype: components ?? dtype, ...(told ? { kv_cache_dtype: { [dtype]: caches } } : {}) };
}

/**
 * genai_config.json of the pruned model: only `model.decoder` changes.
 * @param graph path of the decoder graph that it shall name; null leaves the name
 * @throws EspalierError `bad-input` when the text is not JSON.
 */
export function prunedGenaiConfig(
  text: string,
  n: number,
  keep: readonly number[],
  graph: string | null = null,
): string {
  return edited(text, 'genai_config.json', (config) => {
    if (!isObject(config.model) || !isObject(config.model.decoder)) return config;
    const { decoder } = config.model;
    return {
      ...config,
      model: {
        ...config.model,
        decoder: {
          ...decoder,
          ...prunedKeys(decoder, n, keep),
          ...(graph === null ? {} : { filename: graph }),
        },
      },
    };
  });
}

/**
 * config.json of the language model alone, where it is a section of a larger one's: with what that
 * says of tokens around it.
 * @throws EspalierError `bad-input` when the text is not JSON.
 */
export function languageConfigJson(text: string): string {
  return edited(text, 'config.json', (config) => {
    const own = textConfig(config) as JsonObject;
    if (own === config) return config;
    const tokens = Object.entries(config).filter(
      ([key, value]) => /^(bos|eos|pad)_token_id$|dtype$/.test(key) && value !== null,
    );
    return { ...Object.fromEntries(tokens), ...own };
  });
}

/** The text of a config after an edit; numbers stay as they are written. */
export function edited(
  text: string,
  name: string,
  edit: (config: JsonObject) => JsonObject,
): string {
  const refuse = (problem: string, detail: string): EspalierError =>
    new EspalierError(
      'bad-input',
      `${name} ${problem}.`,
      'Repair the file or download it again.',
      detail,
    );
  const plain = readJsonObject(text, { max: MAX_CONFIG_BYTES, python: true });
  if (!plain.ok) throw refuse(plain.problem, plain.detail);
  const mark = freeMark(plain.value);
  const marked = mapOutsideStrings(text, (stretch) =>
    stretch.replace(/-?(?:Infinity|NaN|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g, (token) =>
      /^-?\d{1,15}$/.test(token) ? token : `"${mark}${token}"`,
    ),
  );
  const config = JSON.parse(marked) as JsonObject;
  const indent = /\n( +|\t)"/.exec(text)?.[1] ?? '  ';
  const written = JSON.stringify(edit(config), null, indent).replace(
    new RegExp(`"${mark}([^"]*)"`, 'g'),
    '$1',
  );
  return text.endsWith('\n') ? `${written}\n` : written;
}

/**
 * A mark for numbers that are kept as text (1.0, 1e-05 and the Infinity of Python survive so),
 * which no string of the file holds.
 */
function freeMark(config: unknown): string {
  const used = new Set(
    Array.from(JSON.stringify(config).matchAll(/espalier-number-(\d+):/g), (found) => found[1]),
  );
  let k = 0;
  while (used.has(String(k))) k++;
  return `espalier-number-${k}:`;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
