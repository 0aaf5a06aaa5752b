"""e2e/fixtures/golden/made-graphs.json: likelihoods of tiny decoders in Transformers, intact and without each block, for the graphs that src/model/make makes.

  python make_made_graphs.py --out made-graphs.json [name ...]

Weights are not stored: every value follows from the name of the tensor and its position (values() here, tinyCheckpoint.ts there), exactly in both.
`nll` = mean over all predicted positions of the window; float32, eager attention. Needs torch 2.13 (CPU), transformers 4.57.6."""
import argparse, json, math
import numpy as np
import torch
import transformers as T

torch.set_num_threads(1)
VOCAB = 64
BASE = dict(vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=64, pad_token_id=0, bos_token_id=1, eos_token_id=2)
WIDE = dict(BASE, head_dim=16)
LONGROPE = dict(max_position_embeddings=64, original_max_position_embeddings=16,
                rope_scaling={'type': 'longrope', 'short_factor': [1.0 + 0.1 * k for k in range(4)], 'long_factor': [1.5 + 0.5 * k for k in range(4)]})
LENGTH = 24
CASES = {
    'llama': lambda: T.LlamaConfig(**WIDE),
    'llama, biases': lambda: T.LlamaConfig(**WIDE, attention_bias=True, mlp_bias=True, hidden_act='gelu', tie_word_embeddings=True),
    'llama, as many key heads': lambda: T.LlamaConfig(**{**BASE, 'num_key_value_heads': None}, hidden_act='gelu_pytorch_tanh', rms_norm_eps=1e-3),
    'mistral': lambda: T.MistralConfig(**WIDE, sliding_window=5),
    'mistral, no window': lambda: T.MistralConfig(**BASE, sliding_window=None),
    'qwen2': lambda: T.Qwen2Config(**BASE),
    'qwen2, windows': lambda: T.Qwen2Config(**BASE, use_sliding_window=True, sliding_window=5, max_window_layers=1),
    'qwen3': lambda: T.Qwen3Config(**WIDE, tie_word_embeddings=True),
    'qwen3, heads of 6, biases': lambda: T.Qwen3Config(**BASE, head_dim=6, attention_bias=True, use_sliding_window=True, sliding_window=4, max_window_layers=2),
    'smollm3': lambda: T.SmolLM3Config(**BASE, no_rope_layer_interval=2),
    'smollm3, windows': lambda: T.SmolLM3Config(**BASE, no_rope_layers=[0, 1, 0], use_sliding_window=True, sliding_window=5, attention_bias=True, mlp_bias=True,
                                                tie_word_embeddings=False),
    'granite': lambda: T.GraniteConfig(**WIDE, embedding_multiplier=6.0, logits_scaling=0.5, residual_multiplier=0.5, attention_multiplier=0.2),
    'granite, biases': lambda: T.GraniteConfig(**BASE, embedding_multiplier=3.0, logits_scaling=3.0, attention_multiplier=0.1, attention_bias=True, mlp_bias=True,
                                               tie_word_embeddings=True),
    'olmo2': lambda: T.Olmo2Config(**BASE),
    'olmo2, heads of 4, biases': lambda: T.Olmo2Config(**{**BASE, 'num_attention_heads': 8, 'num_key_value_heads': 4}, attention_bias=True),
    'phi3': lambda: T.Phi3Config(**BASE, original_max_position_embeddings=64),
    'phi3, a part of heads of 12': lambda: T.Phi3Config(**{**BASE, 'hidden_size': 48}, original_max_position_embeddings=64, partial_rotary_factor=0.5, sliding_window=5,
                                                  tie_word_embeddings=True),
    'phi3, half of long heads': lambda: T.Phi3Config(
        **{**BASE, 'hidden_size': 64, 'num_attention_heads': 2, 'num_key_value_heads': 1, 'num_hidden_layers': 2}, partial_rotary_factor=0.5, original_max_position_embeddings=64),
    'phi3, longrope': lambda: T.Phi3Config(**{**BASE, **LONGROPE}),
    'phi3, longrope, short': lambda: T.Phi3Config(**{**BASE, **LONGROPE, 'original_max_position_embeddings': 32}),
    'gemma': lambda: T.GemmaConfig(**WIDE),
    'gemma, biases': lambda: T.GemmaConfig(**BASE, head_dim=8, attention_bias=True, hidden_act='relu'),
    'gemma2': lambda: T.Gemma2Config(**WIDE, query_pre_attn_scalar=24, sliding_window=5, attn_logit_softcapping=2.0, final_logit_softcapping=3.0),
    'gemma2, nothing bounded': lambda: T.Gemma2Config(**WIDE, query_pre_attn_scalar=16, sliding_window=5, attn_logit_softcapping=None, final_logit_softcapping=None,
                                                      layer_types=['full_attention', 'sliding_attention', 'sliding_attention']),
    'gemma3': lambda: T.Gemma3TextConfig(**WIDE, query_pre_attn_scalar=24, sliding_window=5, sliding_window_pattern=2, rope_local_base_freq=100.0),
    'gemma3, linear, untied': lambda: T.Gemma3TextConfig(**WIDE, query_pre_attn_scalar=16, sliding_window=5, rope_scaling={'rope_type': 'linear', 'factor': 4.0},
                                                         layer_types=['sliding_attention', 'full_attention', 'full_attention'], tie_word_embeddings=False,
                                                         attention_bias=True, final_logit_softcapping=4.0),
    'gpt2': lambda: T.GPT2Config(vocab_size=VOCAB, n_embd=32, n_layer=3, n_head=4, n_positions=64),
    'gpt2, heads of 10, untied': lambda: T.GPT2Config(vocab_size=VOCAB, n_embd=40, n_layer=3, n_head=4, n_positions=64, n_inner=40,
                                         activation_function='relu', tie_word_embeddings=False),
    'opt': lambda: T.OPTConfig(vocab_size=VOCAB, hidden_size=32, ffn_dim=48, num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=64, word_embed_proj_dim=32),
    'opt, no biases': lambda: T.OPTConfig(vocab_size=VOCAB, hidden_size=32, ffn_dim=48, num_hidden_layers=3, num_attention_heads=2, max_position_embeddings=64,
                                          word_embed_proj_dim=32, enable_bias=False, activation_function='gelu',
                                          tie_word_embeddings=False),
    'gpt_neox': lambda: T.GPTNeoXConfig(vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=64,
                                        rotary_pct=0.5),
    'gpt_neox, in turn': lambda: T.GPTNeoXConfig(vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=2,
                                                 max_position_embeddings=64, rotary_pct=1.0, rotary_emb_base=500, use_parallel_residual=False, attention_bias=False,
                                                 hidden_act='gelu_new', tie_word_embeddings=True),
    'bloom': lambda: T.BloomConfig(vocab_size=VOCAB, hidden_size=32, n_layer=3, n_head=4),
    'bloom, three heads of 12': lambda: T.BloomConfig(vocab_size=VOCAB, hidden_size=36, n_layer=3, n_head=3, tie_word_embeddings=False),
    'olmo3': lambda: T.Olmo3Config(**BASE, sliding_window=5, layer_types=['sliding_attention', 'full_attention', 'sliding_attention'],
                                   rope_scaling={'rope_type': 'yarn', 'factor': 4.0, 'original_max_position_embeddings': 16}),
    'stablelm': lambda: T.StableLmConfig(**{**BASE, 'hidden_size': 64}, use_qkv_bias=True),
    'stablelm, parallel': lambda: T.StableLmConfig(**BASE, use_parallel_residual=True, partial_rotary_factor=0.5),
    'starcoder2': lambda: T.Starcoder2Config(**BASE, sliding_window=5),
    'phi': lambda: T.PhiConfig(**BASE),
    'cohere': lambda: T.CohereConfig(**WIDE, logit_scale=0.25),
    'cohere, biases': lambda: T.CohereConfig(**BASE, attention_bias=True, tie_word_embeddings=False),
}


def hashed(name):
    """FNV-1a of the name, 32 bits"""
    h = 2166136261
    for byte in name.encode(): h = (h ^ byte) * 16777619 & 0xFFFFFFFF
    return h


def values(name, count, center, scale):
    """center + scale * u, u in [-1, 1) by position: the finaliser of MurmurHash3 of a Weyl sequence from the hash of the name"""
    x = (np.arange(count, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(hashed(name))) & np.uint64(0xFFFFFFFF)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        x ^= x >> np.uint64(shift)
        x = x * np.uint64(factor) & np.uint64(0xFFFFFFFF)
    return (center + scale * (x.astype(np.float64) / 2147483648 - 1)).astype(np.float32)


def range_of(model_type, name, p):
    """center and scale of a parameter: logits of a standard deviation of some units, every block matters"""
    if p.ndim >= 2:
        if 'embed' in name or 'wte' in name: return 0.0, 1.2
        if 'wpe' in name: return 0.0, 0.4
        return 0.0, round(2 / math.sqrt(p.shape[-1]), 4)
    if name.endswith('bias'): return 0.0, 0.2
    return (0.0 if model_type.startswith('gemma') else 1.0), 0.4


def nll(model, ids):
    with torch.no_grad():
        x = model(torch.tensor([ids])).logits[0, :-1].double()
    return float(torch.nn.functional.cross_entropy(x, torch.tensor(ids[1:])))


def layers(model):
    return next(m for n, m in model.named_modules() if isinstance(m, torch.nn.ModuleList) and n.rsplit('.')[-1] in ('layers', 'h'))


def case(name):
    config = CASES[name]()
    config._attn_implementation = 'eager'
    model = T.AutoModelForCausalLM.from_config(config, attn_implementation='eager').float().eval()
    tensors = []
    with torch.no_grad():
        for n, p in model.named_parameters():
            center, scale = range_of(config.model_type, n, p)
            p.copy_(torch.from_numpy(values(n, p.numel(), center, scale)).reshape(p.shape))
            tensors.append([n, list(p.shape), center, scale])
        model.tie_weights()
    ids = np.random.RandomState(7).randint(3, VOCAB, LENGTH).tolist()
    said = json.loads(config.to_json_string(use_diff=True))
    all_layers = list(layers(model))
    without = []
    for k in range(len(all_layers)):
        kept = [l for j, l in enumerate(all_layers) if j != k]
        holder = layers(model)
        was = holder._modules.copy()
        holder._modules = {str(j): l for j, l in enumerate(kept)}
        indices = [(m, m.layer_idx) for l in kept for m in l.modules() if hasattr(m, 'layer_idx')]
        for j, l in enumerate(kept):
            for m in l.modules():
                if hasattr(m, 'layer_idx'): m.layer_idx = j
        count = config.num_hidden_layers
        config.num_hidden_layers = len(kept)
        types = getattr(config, 'layer_types', None)
        if types: config.layer_types = [t for j, t in enumerate(types) if j != k]
        model.config.use_cache = False
        without.append(nll(model, ids))
        config.num_hidden_layers = count
        if types: config.layer_types = types
        for m, j in indices: m.layer_idx = j
        holder._modules = was
    out = {'config': said, 'tensors': tensors, 'window': ids, 'nll': nll(model, ids), 'without': without}
    print(name.ljust(32), 'nll %.4f' % out['nll'], ' '.join('%.4f' % x for x in without), flush=True)
    return out


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--out', required=True)
    a.add_argument('names', nargs='*')
    a = a.parse_args()
    rows = {name: case(name) for name in a.names or CASES}
    with open(a.out, 'w') as f:
        f.write('{\n' + ',\n'.join('%s: %s' % (json.dumps(k), json.dumps(v)) for k, v in rows.items()) + '\n}\n')


if __name__ == '__main__': main()
