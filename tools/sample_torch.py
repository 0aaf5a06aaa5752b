"""The sample model as a PyTorch LlamaForCausalLM, built from its onnx/model.onnx. Helper of make_taylor.py."""
import json
import numpy as np, onnx, torch
from onnx import numpy_helper
from transformers import LlamaConfig, LlamaForCausalLM


def load_sample(folder, dtype=torch.float32):
    g = onnx.load(folder + '/onnx/model.onnx').graph
    W = {t.name: numpy_helper.to_array(t) for t in g.initializer}
    drop = ('transformers.js_config', 'architectures', 'dtype', 'torch_dtype')
    c = LlamaConfig(**{k: v for k, v in json.load(open(folder + '/config.json')).items() if k not in drop}, attn_implementation='eager')
    H, K, D, L = c.num_attention_heads, c.num_key_value_heads, c.head_dim, c.num_hidden_layers
    sd = {}
    for i in range(L):
        p, q = 'model.layers.%d.' % i, 'model.layers.%d.%s.MatMul.weight'
        for n, w in zip('qkv', np.split(W[q % (i, 'attn.qkv_proj')], [H * D, (H + K) * D], 1)): sd[p + 'self_attn.%s_proj.weight' % n] = w.T
        sd[p + 'self_attn.o_proj.weight'] = W[q % (i, 'attn.o_proj')].T
        for n in ('gate', 'up', 'down'): sd[p + 'mlp.%s_proj.weight' % n] = W[q % (i, 'mlp.%s_proj' % n)].T
        for n in ('input_layernorm', 'post_attention_layernorm'): sd[p + n + '.weight'] = W[p + n + '.weight']
    norms = [x for n in g.node if 'SimplifiedLayerNormalization' in n.op_type for x in n.input if x in W]
    sd['model.norm.weight'] = W[norms[-1]]
    sd['lm_head.weight'] = sd['model.embed_tokens.weight'] = W['lm_head.MatMul.weight'].T
    m = LlamaForCausalLM(c)
    m.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in sd.items()})
    m.tie_weights()
    m.blocks = list(m.model.layers)
    for p in m.parameters(): p.requires_grad_(False)
    return m.to(dtype).eval()


def linears(m, i, part):
    """the torch matrices behind one MatMul of the graph, in the order of its columns"""
    l = m.blocks[i]
    return [l.self_attn.q_proj, l.self_attn.k_proj, l.self_attn.v_proj] if part == 'attn.qkv_proj' else [l.self_attn.o_proj] if part == 'attn.o_proj' else [getattr(l.mlp, part.split('.')[1])]


def with_blocks(m, keep):
    m.model.layers = torch.nn.ModuleList([m.blocks[i] for i in keep])
    m.config.num_hidden_layers = len(m.model.layers)
    for j, l in enumerate(m.model.layers): l.self_attn.layer_idx = j
