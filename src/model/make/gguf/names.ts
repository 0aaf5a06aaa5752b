// The tensors of a GGUF model under the names of Transformers, with what undoes the changes of the
// converter.

import { EspalierError } from '../../../errors.ts';
import type { JsonObject } from '../../../json.ts';
import { shortName } from '../../../onnx/limits.ts';
import type { GgufFiles, StoredTensor } from '../../../tensors/tensorFiles.ts';
import type { NamedTensor } from '../weights.ts';
import { GGUF_ARCHITECTURES, type GgufArchitecture, type Heads } from './architectures.ts';
import { architectureOf } from './config.ts';

/** blk.3.attn_q.weight: block, name, suffix. */
const IN_BLOCK = /^blk\.(0|[1-9]\d{0,5})\.(.+)\.(weight|bias)$/;
const OUTSIDE = /^(.+)\.(weight|bias)$/;
/** Rotary frequencies, which files of 2023 hold and llama.cpp passes over. */
const FREQUENCIES = /^blk\.\d+\.attn_rot_embd\.weight$/;

/**
 * The parameters of the model by their names.
 * @param config what `ggufConfig` makes of the same files
 * @throws EspalierError `unsupported-graph` for architectures that are not read, and for tensors
 *   that are none of the architecture's
 */
export function ggufNames(files: GgufFiles, config: JsonObject): Map<string, NamedTensor> {
  const arch = architectureOf(files.metadata);
  const row = GGUF_ARCHITECTURES[arch]!;
  const query = Number(config.num_attention_heads ?? config.n_head);
  const heads: Heads = { query, keyValue: Number(config.num_key_value_heads ?? query) };
  const named = new Map<string, NamedTensor>();
  for (const stored of files.tensors.values()) {
    // The config has the factors.
    if (row.factors?.includes(stored.name) || FREQUENCIES.test(stored.name)) continue;
    const tensor = nameOf(stored, row, heads);
    if (!tensor)
      throw new EspalierError(
        'unsupported-graph',
        `The model has the tensor ${shortName(stored.name)}, which Espalier does not know in the ` +
          `architecture ${arch}.`,
        'Open the ONNX export of this model, or its checkpoint in safetensors.',
      );
    named.set(tensor.name, tensor);
  }
  return named;
}

function nameOf(
  stored: StoredTensor,
  { blocks, inside, outside, undo }: GgufArchitecture,
  heads: Heads,
): NamedTensor | null {
  const [, block, within, suffix] = IN_BLOCK.exec(stored.name) ?? [];
  const [, whole, ending] = OUTSIDE.exec(stored.name) ?? [];
  const table = block === undefined ? outside : inside;
  const own = block === undefined ? whole : within;
  const end = suffix ?? ending;
  if (own === undefined || end === undefined || !Object.hasOwn(table, own)) return null;
  const prefix = block === undefined ? '' : `${blocks}.${block}.`;
  return {
    name: `${prefix}${table[own]}.${end}`,
    block: block === undefined ? null : Number(block),
    stored,
    undo: undo?.(own, end, heads) ?? [],
  };
}
