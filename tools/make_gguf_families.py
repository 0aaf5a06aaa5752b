"""GGUF files of tiny models of every architecture that Espalier reads, converted by llama.cpp, with their numbers in PyTorch.

  python make_gguf_families.py --llama DIR --text some-english-text.txt --out DIR [name ...]

--llama  llama.cpp sources (convert_hf_to_gguf.py, conversion/, gguf-py/)
Writes <out>/<name>/model.gguf (float32) and golden.json: the mean NLL of fixed windows in PyTorch, intact and without each block.
Writes <out>/families.json, what the tests of names and configs read (e2e/fixtures/golden/gguf-families.json): of each model config.json, the
key-value pairs of the file but for the tokenizer, and shapes of tensors and parameters outside the blocks and in the first one; of one block
of 16 values the bytes of every tensor that the converter changed, in the file and in the model.
scripts/ggufFamilies.ts computes the numbers with Espalier and, where node-llama-cpp has a binary, with llama.cpp.
The converter knows tokenizers by a checksum of their output and stops at unknown ones; here it is told 'gpt-2'.
Needs torch, transformers 4.57.6, tokenizers, numpy."""
import argparse, base64, copy, json, os, re, subprocess, sys
import numpy as np
import torch
import transformers as T
import make_tiny_models as M

torch.set_num_threads(1)
base = M.base
F = {
    **{k: M.F[k] for k in ('llama', 'qwen2', 'qwen3', 'granite', 'olmo2', 'gemma2', 'bloom', 'gpt_neox')},
    # The converter asks for n_ctx, which older configs have, and says 4 n_embd whatever n_inner is.
    'gpt2': lambda: T.GPT2Config(vocab_size=M.V, n_embd=64, n_layer=5, n_head=4, n_positions=256, n_ctx=256, bos_token_id=1, eos_token_id=2, pad_token_id=0),
    'mistral': lambda: T.MistralConfig(**base, sliding_window=None, head_dim=16),
    'phi3': lambda: T.Phi3Config(**base, original_max_position_embeddings=256, sliding_window=None),
    'smollm3': lambda: T.SmolLM3Config(**base, no_rope_layer_interval=4),
    'gemma3': lambda: T.Gemma3TextConfig(**{**base, 'num_hidden_layers': 7}, head_dim=16, query_pre_attn_scalar=16, sliding_window=8, sliding_window_pattern=6),
    # Forms of them that change what is written.
    'llama-tied': lambda: T.LlamaConfig(**base, tie_word_embeddings=True, head_dim=32),
    'llama-bias': lambda: T.LlamaConfig(**base, attention_bias=True, mlp_bias=True),
    'llama-llama3': lambda: T.LlamaConfig(**base, rope_scaling={'rope_type': 'llama3', 'factor': 8.0, 'low_freq_factor': 1.0, 'high_freq_factor': 4.0, 'original_max_position_embeddings': 8192}),
    'llama-linear': lambda: T.LlamaConfig(**base, rope_scaling={'rope_type': 'linear', 'factor': 4.0}),
    'qwen2-yarn': lambda: T.Qwen2Config(**base, rope_scaling={'rope_type': 'yarn', 'factor': 4.0, 'original_max_position_embeddings': 64}),
    'phi3-longrope': lambda: T.Phi3Config(**{**base, 'max_position_embeddings': 512}, original_max_position_embeddings=256, sliding_window=None, rope_scaling={'type': 'longrope', 'short_factor': [1.0 + 0.01 * i for i in range(8)], 'long_factor': [1.5 + 0.1 * i for i in range(8)]}),
    'gemma3-linear': lambda: T.Gemma3TextConfig(**{**base, 'num_hidden_layers': 6}, head_dim=16, query_pre_attn_scalar=16, sliding_window=8, sliding_window_pattern=6, rope_scaling={'rope_type': 'linear', 'factor': 8.0}),
    'gpt_neox-sequential': lambda: T.GPTNeoXConfig(vocab_size=M.V, hidden_size=64, intermediate_size=128, num_hidden_layers=5, num_attention_heads=4, max_position_embeddings=256, rotary_pct=0.25, use_parallel_residual=False, bos_token_id=1, eos_token_id=2),
}


def convert(llama, src, dst):
    """convert_hf_to_gguf.py with the check of the tokenizer answered, and every tokenizer taken for byte-level BPE"""
    code = ('import sys; sys.path[:0] = [%r, %r]\nimport torch\ntorch.set_num_threads(1)\nfrom conversion.base import TextModel\nTextModel.get_vocab_base_pre = lambda self, t: "gpt-2"\n'
            'import conversion.gemma, conversion.phi\nfor c in (conversion.gemma.Gemma2Model, conversion.gemma.Gemma3Model, conversion.phi.Phi3MiniModel): c.set_vocab = lambda self: self._set_vocab_gpt2()\n'
            'conversion.gemma.Gemma3Model._create_vocab_sentencepiece = lambda self: [[None] * self.hparams["vocab_size"]]\n'
            'import convert_hf_to_gguf as c\nsys.argv = ["convert", %r, "--outfile", %r, "--outtype", "f32"]\nc.main()\n') % (llama + '/gguf-py', llama, src, dst)
    r = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=llama)
    if not os.path.exists(dst): raise SystemExit(r.stdout[-2000:] + r.stderr[-3000:])


def blocks_of(m):
    for k in ('model.layers', 'transformer.h', 'gpt_neox.layers'):
        try: return m.get_submodule(k.rsplit('.', 1)[0]), k.rsplit('.', 1)[1]
        except AttributeError: continue
    raise SystemExit('no blocks')


def without(m, i):
    m = copy.deepcopy(m)
    owner, name = blocks_of(m)
    del getattr(owner, name)[i]
    for k in ('num_hidden_layers', 'n_layer'):
        if hasattr(m.config, k): setattr(m.config, k, len(getattr(owner, name)))
    for j, block in enumerate(getattr(owner, name)):
        for part in block.modules():
            if hasattr(part, 'layer_idx'): part.layer_idx = j
    return m


def nll(m, windows):
    with torch.no_grad():
        y = m(torch.tensor(windows), use_cache=False).logits.double()
    t = torch.tensor(windows)[:, 1:]
    return float((torch.logsumexp(y[:, :-1], -1) - y[:, :-1].gather(-1, t[..., None])[..., 0]).mean())


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for k in ('llama', 'text', 'out'): a.add_argument('--' + k, required=True)
    a.add_argument('names', nargs='*')
    a = a.parse_args()
    llama = os.path.abspath(a.llama)
    sys.path.insert(0, llama + '/gguf-py')
    import gguf
    tok = M.tokenizer(open(a.text, encoding='utf8', errors='ignore').read())
    table = {}
    windows = np.random.default_rng(17).integers(3, M.V, (3, 24)).tolist()
    for name in a.names or F:
        d = os.path.abspath(os.path.join(a.out, name))
        os.makedirs(d, exist_ok=True)
        torch.manual_seed(sum(map(ord, name)))
        m = T.AutoModelForCausalLM.from_config(F[name](), attn_implementation='eager').float().eval()
        M.initialise(m, name)
        with torch.no_grad():
            if m.config.tie_word_embeddings: m.get_input_embeddings().weight.mul_(0.25)   # keeps the logits small
            if not m.config.tie_word_embeddings and m.get_output_embeddings() is not None: m.get_output_embeddings().weight.mul_(0.5)
        m.save_pretrained(d + '/hf')
        tok.save_pretrained(d + '/hf')
        path = d + '/model.gguf'
        if os.path.exists(path): os.remove(path)
        convert(llama, d + '/hf', path)
        r = gguf.GGUFReader(path)
        owner, blocks = blocks_of(m)
        n = len(getattr(owner, blocks))
        kv = {f.name: f.contents() for f in r.fields.values() if not f.name.startswith('GGUF.') and not f.name.startswith('tokenizer.ggml.')}
        golden = {'name': name, 'numBlocks': n, 'windows': windows, 'nll': nll(m, windows), 'blocks': [nll(without(m, i), windows) for i in range(n)]}
        json.dump(golden, open(d + '/golden.json', 'w'), indent=1)
        kept = lambda k: re.search(r'(blk|layers|h)\.(\d+)\.', k) is None or re.search(r'(blk|layers|h)\.0\.', k)
        table[name] = {'config': json.load(open(d + '/hf/config.json')), 'metadata': {k: [r.get_field(k).types[0].name.lower(), v] for k, v in kv.items()},
                       'tensors': {t.name: [int(x) for x in reversed(t.shape)] for t in r.tensors if kept(t.name)},
                       'factors': {t.name: [float(x) for x in t.data] for t in r.tensors if t.name.startswith('rope_f')},
                       'parameters': {k: list(p.shape) for k, p in m.named_parameters() if kept(k)}}
        if name in CHANGED: table[name]['changed'] = changed(gguf, llama, name, tok, d)
        print(name, 'nll %.5f' % golden['nll'], os.path.getsize(path), kv['general.architecture'], flush=True)
    json.dump(table, open(a.out + '/families.json', 'w'))


CHANGED = ('llama-bias', 'granite', 'smollm3', 'gemma2', 'gemma3', 'gpt2', 'gpt_neox', 'bloom')


def changed(gguf, llama, name, tok, d):
    """the tensors of one small block that the converter changed: bytes in the file and in the model"""
    c = F[name]()
    for k, v in {'hidden_size': 16, 'n_embd': 16, 'intermediate_size': 8, 'num_hidden_layers': 1, 'n_layer': 1, 'head_dim': 4, 'layer_types': None, 'no_rope_layers': None}.items():
        if k in c.to_dict(): setattr(c, k, v // 2 if name == 'gpt2' and k == 'n_embd' else v)
    for k in ('layer_types', 'no_rope_layers'):
        if k in c.to_dict(): setattr(c, k, [{'layer_types': 'full_attention', 'no_rope_layers': 1}[k]])
    torch.manual_seed(1)
    m = T.AutoModelForCausalLM.from_config(c).float().eval()
    M.initialise(m, name)
    m.save_pretrained(d + '/small')
    tok.save_pretrained(d + '/small')
    path = d + '/small.gguf'
    if os.path.exists(path): os.remove(path)
    convert(llama, d + '/small', path)
    of = {t.name: t.data.tobytes() for t in gguf.GGUFReader(path).tensors if t.name.startswith('blk.0.')}
    names = gguf.get_tensor_name_map({'gpt_neox': gguf.MODEL_ARCH.GPTNEOX}.get(name) or next(k for k, v in gguf.MODEL_ARCH_NAMES.items() if v == name.split('-')[0]), 1)
    out = {}
    for k, p in m.named_parameters():
        # The names that the converter looks up have lost the prefix of some families.
        g = names.get_name(k, try_suffixes=('.weight', '.bias')) or names.get_name(k.replace('transformer.', ''), try_suffixes=('.weight', '.bias'))
        if g in of and of[g] != p.detach().numpy().tobytes():
            out[k] = {'tensor': g, 'shape': list(p.shape), 'file': base64.b64encode(of[g]).decode(), 'model': base64.b64encode(p.detach().numpy().tobytes()).decode()}
    return out


if __name__ == '__main__': main()
