// Names of the linear modules of a block in Hugging Face Transformers, by family. Read in
// Transformers 5.24.0 (models/*/modeling_*.py); what was run: docs/formats.md.

/** The products of a block by what they do. */
export type ProductRole = 'q' | 'k' | 'v' | 'o' | 'gate' | 'up' | 'down';

/** A module, and the products whose outputs are its rows, one after the other. */
export interface LinearModule {
  name: string;
  roles: readonly ProductRole[];
  /**
   * Its rows alternate between query, key and value head by head: (heads, 3, size). Where a graph
   * has them so, only the whole matrix can be told.
   */
  alternates?: true;
}

export interface Family {
  modules: readonly LinearModule[];
  /** The modules are Conv1D, whose stored matrices are (inputs, outputs). */
  conv1d?: true;
}

const modules = (
  names: Partial<Record<ProductRole, string>>,
  fused: readonly LinearModule[] = [],
): readonly LinearModule[] => [
  ...(Object.entries(names) as [ProductRole, string][]).map(([role, name]) => ({
    name,
    roles: [role],
  })),
  ...fused,
];

const ATTENTION = {
  q: 'self_attn.q_proj',
  k: 'self_attn.k_proj',
  v: 'self_attn.v_proj',
  o: 'self_attn.o_proj',
};
const GATED = { gate: 'mlp.gate_proj', up: 'mlp.up_proj', down: 'mlp.down_proj' };

const LLAMA: Family = { modules: modules({ ...ATTENTION, ...GATED }) };

/** Query, key and value in one, alternating, and a feed-forward without a gate. */
const alternating = (attention: string): Family => ({
  modules: modules(
    { o: `${attention}.dense`, up: 'mlp.dense_h_to_4h', down: 'mlp.dense_4h_to_h' },
    [{ name: `${attention}.query_key_value`, roles: ['q', 'k', 'v'], alternates: true }],
  ),
});

/** By `model_type` of config.json, or of genai_config.json where there is no other. */
const FAMILIES: Readonly<Record<string, Family>> = {
  ...Object.fromEntries(
    [
      ...['llama', 'mistral', 'ministral', 'qwen2', 'qwen3', 'gemma', 'gemma2', 'gemma3_text'],
      ...['smollm3', 'granite', 'olmo', 'olmo2', 'olmo3', 'stablelm', 'cohere', 'cohere2'],
      ...['ernie4_5', 'hunyuan_v1_dense', 'helium'],
      // As genai_config.json has it.
      'hunyuandensev1',
    ].map((name) => [name, LLAMA]),
  ),
  phi3: {
    modules: modules({ o: 'self_attn.o_proj', down: 'mlp.down_proj' }, [
      { name: 'self_attn.qkv_proj', roles: ['q', 'k', 'v'] },
      { name: 'mlp.gate_up_proj', roles: ['gate', 'up'] },
    ]),
  },
  phi: { modules: modules({ ...ATTENTION, o: 'self_attn.dense', up: 'mlp.fc1', down: 'mlp.fc2' }) },
  nemotron: { modules: modules({ ...ATTENTION, up: 'mlp.up_proj', down: 'mlp.down_proj' }) },
  starcoder2: { modules: modules({ ...ATTENTION, up: 'mlp.c_fc', down: 'mlp.c_proj' }) },
  opt: { modules: modules({ ...ATTENTION, o: 'self_attn.out_proj', up: 'fc1', down: 'fc2' }) },
  gpt2: {
    conv1d: true,
    modules: modules({ o: 'attn.c_proj', up: 'mlp.c_fc', down: 'mlp.c_proj' }, [
      { name: 'attn.c_attn', roles: ['q', 'k', 'v'] },
    ]),
  },
  gpt_neo: {
    modules: modules({
      q: 'attn.attention.q_proj',
      k: 'attn.attention.k_proj',
      v: 'attn.attention.v_proj',
      o: 'attn.attention.out_proj',
      up: 'mlp.c_fc',
      down: 'mlp.c_proj',
    }),
  },
  gptj: {
    modules: modules({
      q: 'attn.q_proj',
      k: 'attn.k_proj',
      v: 'attn.v_proj',
      o: 'attn.out_proj',
      up: 'mlp.fc_in',
      down: 'mlp.fc_out',
    }),
  },
  gpt_neox: alternating('attention'),
  bloom: alternating('self_attention'),
  falcon: alternating('self_attention'),
};

/** The modules of a family, or null for one that is not in the table. */
export function familyOf(type: string): Family | null {
  return Object.hasOwn(FAMILIES, type) ? (FAMILIES[type] ?? null) : null;
}

export const KNOWN_FAMILIES: readonly string[] = Object.keys(FAMILIES).sort();
