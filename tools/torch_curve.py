"""Times the importance curve (NLL of the original and without each block) of a Llama export in PyTorch.

The folder is one of onnxruntime-genai's builder (public/sample, or what scripts/llama.ts writes); its weights become plain
tensors, so nothing but torch and onnx is needed. Two ways: `reuse` keeps the states of the original before every block and runs
each variant from its removed block on, as Espalier does (N(N + 1)/2 block runs); `plain` runs every variant from the embedding.

    python tools/torch_curve.py public/sample --graph onnx/model.onnx --windows windows.json --threads 2 --json sample.json
"""
import argparse
import json
import os
import time

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper


class Llama:
    """Weights as the graph stores them, (in, out)."""

    def __init__(self, folder, graph):
        with open(os.path.join(folder, 'config.json'), encoding='utf-8') as file:
            config = json.load(file)
        model = onnx.load(os.path.join(folder, graph)).graph
        weights = {t.name: torch.from_numpy(np.array(numpy_helper.to_array(t))) for t in model.initializer}
        self.heads, self.kv = config['num_attention_heads'], config['num_key_value_heads']
        self.size = config.get('head_dim') or config['hidden_size'] // self.heads
        self.eps = config['rms_norm_eps']
        self.cos, self.sin = weights['cos_cache'], weights['sin_cache']
        self.head = weights['lm_head.MatMul.weight']
        self.table = self.head.T.contiguous()
        count = config['num_hidden_layers']
        self.norm = weights['model.layers.%d.final_norm_layernorm.weight' % count]
        matrices = ('attn.qkv_proj', 'attn.o_proj', 'mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj')
        self.blocks = [
            [weights['model.layers.%d.%s.MatMul.weight' % (i, name)] for name in matrices]
            + [weights['model.layers.%d.%s.weight' % (i, name)] for name in ('input_layernorm', 'post_attention_layernorm')]
            for i in range(count)
        ]

    def normed(self, x, weight):
        return F.rms_norm(x, (x.shape[-1],), weight, self.eps)

    def rotated(self, x):
        half, length = self.size // 2, x.shape[-2]
        cos, sin = self.cos[:length], self.sin[:length]
        a, b = x[..., :half], x[..., half:]
        return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)

    def block(self, i, x):
        qkv, out, gate, up, down, before, after = self.blocks[i]
        rows, length, _ = x.shape
        packed = self.normed(x, before) @ qkv
        q, k, v = packed.split([self.heads * self.size, self.kv * self.size, self.kv * self.size], -1)
        q, k, v = (t.view(rows, length, -1, self.size).transpose(1, 2) for t in (q, k, v))
        attended = F.scaled_dot_product_attention(self.rotated(q), self.rotated(k), v, is_causal=True, enable_gqa=True)
        x = x + attended.transpose(1, 2).reshape(rows, length, -1) @ out
        h = self.normed(x, after)
        return x + (F.silu(h @ gate) * (h @ up)) @ down

    def nll(self, x, ids):
        logits = self.normed(x[:, :-1], self.norm) @ self.head
        losses = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1), reduction='none')
        return losses.double().mean().item()


def reuse(model, ids):
    count = len(model.blocks)
    states = [F.embedding(ids, model.table)]
    for i in range(count):
        states.append(model.block(i, states[-1]))
    curve = [model.nll(states[-1], ids)]
    for left_out in range(count):
        x = states[left_out]
        for i in range(left_out + 1, count):
            x = model.block(i, x)
        curve.append(model.nll(x, ids))
    return curve


def plain(model, ids):
    curve = []
    for left_out in (None, *range(len(model.blocks))):
        x = F.embedding(ids, model.table)
        for i in range(len(model.blocks)):
            if i != left_out:
                x = model.block(i, x)
        curve.append(model.nll(x, ids))
    return curve


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder')
    parser.add_argument('--graph', default='model.onnx')
    parser.add_argument('--windows', required=True, help='JSON file: rows of token ids of one length')
    parser.add_argument('--threads', type=int, default=os.cpu_count())
    parser.add_argument('--rounds', type=int, default=5, help='the fastest counts')
    parser.add_argument('--without-plain', action='store_true', help='time the way with kept states only')
    parser.add_argument('--json', help='file for the result; standard output without it')
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with open(args.windows, encoding='utf-8') as file:
        ids = torch.tensor(json.load(file), dtype=torch.int64)
    model = Llama(args.folder, args.graph)
    result = {
        'folder': os.path.basename(os.path.normpath(args.folder)), 'torch': torch.__version__, 'threads': args.threads,
        'windows': list(ids.shape), 'load': os.getloadavg()[0],
    }
    with torch.inference_mode():
        for name, way in (('reuse', reuse), ('plain', plain)):
            if name == 'plain' and args.without_plain:
                continue
            seconds, processor = [], []
            for _ in range(args.rounds):
                wall, own = time.perf_counter(), time.process_time()
                nll = way(model, ids)
                seconds.append(time.perf_counter() - wall)
                processor.append(time.process_time() - own)
            result[name] = {'seconds': seconds, 'processorSeconds': processor, 'nll': nll}
    text = json.dumps(result, indent=1) + '\n'
    if args.json:
        with open(args.json, 'w', encoding='utf-8') as file:
            file.write(text)
    else:
        print(text, end='')


if __name__ == '__main__':
    main()
