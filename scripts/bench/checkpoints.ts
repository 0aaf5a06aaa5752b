// Makes checkpoints for the benchmark: a Llama of any size in bfloat16, as safetensors or as GGUF.
// Its values are small numbers without a meaning.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeFolder } from '../../src/node/folder.ts';
import { writeFolder } from '../../src/node/writeFolder.ts';
import type { GgufValue } from '../../src/tensors/gguf/metadata.ts';
import { encodePair, ggufFile } from '../../src/tensors/gguf/write.ts';
import { safetensorsFile } from '../../src/tensors/safetensors/write.ts';

/** 118 million parameters. */
const HIDDEN = 1024;
const INNER = 2816;
const VOCAB = 8192;
const LAYERS = 8;
const HEADS = 16;

interface Weight {
  /** Names in both formats. */
  name: string;
  gguf: string;
  shape: number[];
}

function weights(): Weight[] {
  const of = (name: string, gguf: string, ...shape: number[]): Weight => ({
    name: `${name}.weight`,
    gguf: `${gguf}.weight`,
    shape,
  });
  const layers = Array.from({ length: LAYERS }, (_, i) => {
    const [stem, blk] = [`model.layers.${i}`, `blk.${i}`];
    return [
      of(`${stem}.input_layernorm`, `${blk}.attn_norm`, HIDDEN),
      ...[
        ['q_proj', 'attn_q'],
        ['k_proj', 'attn_k'],
        ['v_proj', 'attn_v'],
        ['o_proj', 'attn_output'],
      ].map(([own, other]) => of(`${stem}.self_attn.${own}`, `${blk}.${other}`, HIDDEN, HIDDEN)),
      of(`${stem}.post_attention_layernorm`, `${blk}.ffn_norm`, HIDDEN),
      of(`${stem}.mlp.gate_proj`, `${blk}.ffn_gate`, INNER, HIDDEN),
      of(`${stem}.mlp.up_proj`, `${blk}.ffn_up`, INNER, HIDDEN),
      of(`${stem}.mlp.down_proj`, `${blk}.ffn_down`, HIDDEN, INNER),
    ];
  });
  return [
    of('model.embed_tokens', 'token_embd', VOCAB, HIDDEN),
    ...layers.flat(),
    of('model.norm', 'output_norm', HIDDEN),
    of('lm_head', 'output', VOCAB, HIDDEN),
  ];
}

/** bfloat16 near 0.01, in another order for every tensor. */
function values(count: number, seed: number): Uint8Array {
  const out = new Uint16Array(count);
  for (let k = 0; k < count; k++) out[k] = 0x3c00 + (Math.imul(k + seed, 0x9e3779b1) >>> 25);
  return new Uint8Array(out.buffer);
}

const tensorsAs = (nameOf: (weight: Weight) => string) =>
  weights().map((weight, k) => ({
    name: nameOf(weight),
    type: 'BF16',
    shape: weight.shape,
    data: values(
      weight.shape.reduce((product, dim) => product * dim, 1),
      k,
    ),
  }));

/** config.json and model.safetensors in an empty folder. */
export async function makeCheckpoint(out: string): Promise<void> {
  await write(out, 'model.safetensors', safetensorsFile(tensorsAs(({ name }) => name)));
  const config = {
    ...{ architectures: ['LlamaForCausalLM'], model_type: 'llama', hidden_act: 'silu' },
    ...{ hidden_size: HIDDEN, intermediate_size: INNER, vocab_size: VOCAB, dtype: 'bfloat16' },
    ...{ num_hidden_layers: LAYERS, num_attention_heads: HEADS, num_key_value_heads: HEADS },
    ...{ max_position_embeddings: 2048, rms_norm_eps: 1e-6, rope_theta: 10000 },
    tie_word_embeddings: false,
  };
  writeFileSync(join(out, 'config.json'), JSON.stringify(config, null, 2));
}

/** model.gguf in an empty folder. */
export async function makeGguf(out: string): Promise<void> {
  const u32 = (value: number): GgufValue => ({ type: 'uint32', value });
  const pairs: [string, GgufValue][] = [
    ['general.architecture', { type: 'string', value: 'llama' }],
    ['llama.block_count', u32(LAYERS)],
    ['llama.embedding_length', u32(HIDDEN)],
    ['llama.feed_forward_length', u32(INNER)],
    ['llama.attention.head_count', u32(HEADS)],
    ['llama.attention.head_count_kv', u32(HEADS)],
    ['llama.context_length', u32(2048)],
    ['llama.vocab_size', u32(VOCAB)],
    ['llama.rope.dimension_count', u32(HIDDEN / HEADS)],
    ['llama.attention.layer_norm_rms_epsilon', { type: 'float32', value: 1e-6 }],
  ];
  const tensors = tensorsAs(({ gguf }) => gguf);
  const encoded = pairs.map(([key, value]) => encodePair(key, value));
  await write(out, 'model.gguf', ggufFile(tensors, encoded, { version: 3, alignment: 32 }));
}

/** A file that an empty folder gets. */
async function write(
  out: string,
  path: string,
  file: Pick<Parameters<typeof writeFolder>[1][number], 'size' | 'parts'>,
): Promise<void> {
  const nothing = await nodeFolder(out);
  await writeFolder(out, [{ path, ...file }], nothing, () => {});
  await nothing.close();
}
