// Which tensors of a checkpoint are those of its text model, and how Transformers names them there:
// checkpoints put words before the names, or leave some out.

import { EspalierError } from '../../../errors.ts';
import { isJsonObject, type JsonObject } from '../../../json.ts';
import { shortName } from '../../../onnx/limits.ts';
import type { SafetensorsFiles } from '../../../tensors/tensorFiles.ts';
import { layersPath } from '../../interop/formats.ts';
import { interpretConfig } from '../../structure/config.ts';
import type { NamedTensor } from '../weights.ts';

/** Where the text model is among the names of a checkpoint. */
export interface DecoderPlace {
  /** Before the names of what lies beside the blocks: "model.", "language_model.model.", "". */
  base: string;
  /** Before the number of a block: "model.layers.". */
  blocks: string;
  numBlocks: number;
}

/** Names of the table of token embeddings, by which a text model is told from an encoder. */
const EMBEDDINGS = ['embed_tokens', 'wte', 'word_embeddings', 'embed_in', 'tok_embeddings'];

/** Modules of the head, which stand outside the base model. */
const HEADS = ['lm_head', 'embed_out'];

/**
 * What old checkpoints store although it follows from the config, and Transformers passes over:
 * masks and frequencies of the rotation.
 */
const BUFFERS = /\.((attn|attention)\.(masked_)?bias|rotary_emb\.(inv_freq|(cos|sin)_cached))$/;

/**
 * The tensors of the text model by the names of Transformers. What else a multimodal checkpoint has
 * is not among them, nor are masks and frequencies that old ones store.
 * @param config config.json, or that of the text model in it
 * @throws EspalierError `unsupported-graph` where the blocks of a text model are not to be found,
 *   `bad-input` where their number is not that of the config
 */
export function safetensorsNames(
  { tensors }: Pick<SafetensorsFiles, 'tensors'>,
  config: JsonObject,
): Map<string, NamedTensor> {
  const { base, blocks } = decoderPlace(tensors, config);
  const [ownBase, ownBlocks] = ownNames(config);
  const named = new Map<string, NamedTensor>();
  for (const stored of tensors.values()) {
    if (BUFFERS.test(`.${stored.name}`)) continue;
    const place = blockOf(stored.name, blocks);
    const name = place
      ? `${ownBlocks}${place.block}.${place.rest}`
      : (headName(stored.name, base) ?? baseName(stored.name, base, ownBase));
    if (name === null) continue;
    const other = named.get(name);
    if (other)
      throw new EspalierError(
        'unsupported-graph',
        `${shortName(stored.name)} and ${shortName(other.stored.name)} would both be ` +
          `${shortName(name)} of the text model.`,
        'Save the text model alone, with AutoModelForCausalLM of Transformers.',
      );
    named.set(name, { name, block: place?.block ?? null, stored, undo: [] });
  }
  return named;
}

/**
 * Finds the text model: the one that has a table of token embeddings and, below the same prefix,
 * blocks numbered from 0 on as many as the config says.
 * @throws EspalierError as `safetensorsNames`
 */
export function decoderPlace(
  tensors: SafetensorsFiles['tensors'],
  config: JsonObject,
): DecoderPlace {
  const family = textType(config);
  const list = layersPath(family).split('.').at(-1)!;
  const counts = new Map<string, Set<number>>();
  for (const name of tensors.keys()) {
    for (const [prefix, number] of numbered(name, list)) {
      const found = counts.get(prefix);
      if (found) found.add(number);
      else counts.set(prefix, new Set([number]));
    }
  }
  const places = [...counts].flatMap(([blocks, numbers]): DecoderPlace[] => {
    const base = blocks.slice(0, -list.length - 1);
    return EMBEDDINGS.some((name) => tensors.has(`${base}${name}.weight`))
      ? [{ base, blocks, numBlocks: contiguous(numbers) }]
      : [];
  });
  return chosen(places, family, interpretConfig(config, null).layers);
}

function chosen(
  places: readonly DecoderPlace[],
  family: string,
  declared: number | null,
): DecoderPlace {
  const fitting = places.filter(
    ({ numBlocks }) => numBlocks > 0 && (declared === null || numBlocks === declared),
  );
  const [place, ...more] = fitting;
  if (place && more.length === 0) return place;
  const names = (some: readonly DecoderPlace[]): string =>
    some.map(({ blocks }) => `${shortName(blocks)}N`).join(' and ');
  const [wrong] = places;
  if (!wrong)
    throw new EspalierError(
      'unsupported-graph',
      `The tensors of this checkpoint (model_type ${family}) have no names of a decoder: ` +
        `no ${layersPath(family)}.N beside a table of token embeddings.`,
      'Open a checkpoint that Transformers loads with AutoModelForCausalLM, or export it to ONNX.',
    );
  if (more.length > 0)
    throw new EspalierError(
      'unsupported-graph',
      `The checkpoint has several decoders of ${place?.numBlocks} blocks: ${names(fitting)}.`,
      'Save the text model alone, with AutoModelForCausalLM of Transformers.',
    );
  throw new EspalierError(
    'bad-input',
    wrong.numBlocks < 0
      ? `The blocks ${names([wrong])} are not numbered from 0 on without a gap.`
      : `config.json says ${declared} layers, and the tensors have ${wrong.numBlocks} ` +
          `(${names([wrong])}).`,
    'Get config.json and the weights from one version of the checkpoint.',
  );
}

/** Every prefix of a name that ends with the list of blocks, with the number after it. */
function* numbered(name: string, list: string): Iterable<[prefix: string, number: number]> {
  const parts = name.split('.');
  for (let k = 0; k + 2 < parts.length; k++) {
    const number = parts[k + 1]!;
    if (parts[k] === list && /^(0|[1-9]\d{0,5})$/.test(number))
      yield [`${parts.slice(0, k + 1).join('.')}.`, Number(number)];
  }
}

/** How many numbers from 0 on there are, or -1 where one is missing. */
function contiguous(numbers: ReadonlySet<number>): number {
  const count = numbers.size;
  return [...numbers].every((number) => number < count) ? count : -1;
}

/** The block that a stored tensor belongs to, with its name within the block; null for others. */
export function blockOf(name: string, blocks: string): { block: number; rest: string } | null {
  if (!name.startsWith(blocks)) return null;
  const [, number, rest] = /^(\d+)\.(.+)$/s.exec(name.slice(blocks.length)) ?? [];
  return number === undefined || rest === undefined ? null : { block: Number(number), rest };
}

/** A tensor of the head as Transformers names it, "lm_head.weight", or null for another tensor. */
function headName(name: string, base: string): string | null {
  // The head stands beside the base model, or beside what is around it.
  const parts = base.split('.').slice(0, -1);
  for (let k = parts.length; k >= 0; k--) {
    const around = parts
      .slice(0, k)
      .map((part) => `${part}.`)
      .join('');
    if (name.startsWith(around) && isHead(name.slice(around.length)))
      return name.slice(around.length);
  }
  return null;
}

/** A tensor below the base model under its own name, or null. */
const baseName = (name: string, base: string, own: string): string | null =>
  name.startsWith(base) ? own + name.slice(base.length) : null;

const isHead = (name: string): boolean => HEADS.some((head) => name.startsWith(`${head}.`));

/** How Transformers names the base model and its list of blocks: "model." and "model.layers.". */
function ownNames(config: JsonObject): [base: string, blocks: string] {
  const path = layersPath(textType(config));
  return [path.slice(0, path.lastIndexOf('.') + 1), `${path}.`];
}

/** `model_type` of the text model. */
function textType(config: JsonObject): string {
  const text = isJsonObject(config.text_config) ? config.text_config : {};
  const type = text.model_type ?? config.model_type;
  return typeof type === 'string' ? type : 'unknown';
}
