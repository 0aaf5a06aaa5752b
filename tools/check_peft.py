"""Loads adapters that Espalier wrote with Hugging Face PEFT, onto checkpoints pruned by the script beside them, and compares likelihoods.

  python check_peft.py make DIR llama gpt2 ...       tiny random checkpoints DIR/<family>-hf and ONNX folders DIR/<family>-genai, DIR/<family>-torch
  python check_peft.py check DIR ADAPTER ...         ADAPTER: a folder of scripts/peft.ts; the checkpoint is the one its prune.py names

`make` exports by the builder of onnxruntime-genai where it knows the family, and by torch.onnx.export otherwise (both where it can).
`check` runs prune.py as it is, loads its result with PeftModel, and prints the largest difference of any token's NLL from that of the studio,
without the adapter, with it, and after merge_and_unload. Exit 1 above 1e-4.
Needs peft 0.21.2, transformers 5.24.0, torch 2.13, onnxruntime-genai 0.18.0, onnx_ir, onnxscript 0.7.2."""
import argparse, json, os, runpy, shutil, subprocess, sys
import torch, transformers

SIZES = dict(vocab_size=384, hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256)
GPT = dict(vocab_size=384, n_embd=64, n_layer=4, n_head=4, n_inner=96, n_positions=256)
HEAD = dict(head_dim=16)
FAMILIES = {
    'llama': SIZES, 'qwen2': SIZES, 'granite': SIZES, 'olmo': SIZES, 'olmo2': SIZES, 'phi': SIZES, 'nemotron': SIZES, 'ernie4_5': SIZES, 'starcoder2': SIZES, 'stablelm': SIZES, 'cohere': SIZES,
    'cohere2': SIZES, 'olmo3': SIZES, 'helium': {**SIZES, **HEAD},
    'mistral': {**SIZES, **HEAD}, 'ministral': {**SIZES, **HEAD}, 'qwen3': {**SIZES, **HEAD}, 'gemma': {**SIZES, **HEAD}, 'gemma2': {**SIZES, **HEAD}, 'gemma3_text': {**SIZES, **HEAD}, 'hunyuan_v1_dense': {**SIZES, **HEAD},
    'phi3': {**SIZES, 'pad_token_id': 0}, 'smollm3': {**SIZES, 'pad_token_id': 0},
    'gpt2': GPT, 'gptj': {**GPT, 'rotary_dim': 8}, 'gpt_neo': dict(vocab_size=384, hidden_size=64, num_layers=4, num_heads=4, intermediate_size=96, attention_types=[[['global', 'local'], 2]], window_size=8, max_position_embeddings=256),
    'gpt_neox': {k: v for k, v in SIZES.items() if k != 'num_key_value_heads'}, 'bloom': dict(vocab_size=384, hidden_size=64, n_layer=4, n_head=4), 'falcon': dict(vocab_size=384, hidden_size=64, num_hidden_layers=4, num_attention_heads=4, alibi=False),
    'opt': dict(vocab_size=384, hidden_size=64, word_embed_proj_dim=64, ffn_dim=96, num_hidden_layers=4, num_attention_heads=4, max_position_embeddings=256),
}
# The builder needs fields of its own in the config.
BUILDER = {'original_max_position_embeddings': 256}


def make(out, family):
    torch.manual_seed(0)
    cls = transformers.CONFIG_MAPPING[family]
    config = cls(**FAMILIES[family], bos_token_id=1, eos_token_id=2)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation='eager').float().eval()
    for p in model.parameters():
        if p.ndim == 2: torch.nn.init.normal_(p, std=0.05)
    hf = os.path.join(out, family + '-hf')
    model.save_pretrained(hf)
    tokenizer(hf)
    for name, export in (('genai', genai), ('torch', dynamo)):
        folder = os.path.join(out, f'{family}-{name}')
        try:
            export(hf, folder, model)
            print('made', folder, flush=True)
        except Exception as error:
            shutil.rmtree(folder, ignore_errors=True)
            print('not made', folder, str(error).strip().splitlines()[-1][:160] if str(error).strip() else type(error).__name__, flush=True)


def tokenizer(folder):
    """A tokenizer of bytes: the checks use ids alone, but exporters and prune.py want one."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    words = {chr(256 + i) if i > 2 else ['<pad>', '<s>', '</s>'][i]: i for i in range(384)}
    t = Tokenizer(models.WordLevel(words, unk_token='<pad>'))
    t.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(tokenizer_object=t, bos_token='<s>', eos_token='</s>', pad_token='<pad>', unk_token='<pad>').save_pretrained(folder)


def genai(hf, out, model):
    path = os.path.join(hf, 'config.json')
    before = open(path).read()
    json.dump({**json.loads(before), **BUILDER}, open(path, 'w'))
    try:
        run = subprocess.run([sys.executable, '-m', 'onnxruntime_genai.models.builder', '-m', hf, '-o', out, '-p', 'fp32', '-e', 'cpu', '-c', os.path.join(hf, '..', 'cache')],
                             capture_output=True, text=True)
    finally:
        open(path, 'w').write(before)
    if run.returncode or not os.path.exists(os.path.join(out, 'model.onnx')): raise RuntimeError((run.stderr or run.stdout).strip())


def dynamo(hf, out, model):
    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.m = model

        def forward(self, input_ids, attention_mask):
            return self.m(input_ids=input_ids, attention_mask=attention_mask, use_cache=False).logits

    dim = torch.export.Dim.AUTO
    args = (torch.randint(3, 300, (2, 7)), torch.ones(2, 7, dtype=torch.long))
    program = torch.onnx.export(Logits(), args, None, input_names=['input_ids', 'attention_mask'], output_names=['logits'], dynamic_shapes=({0: dim, 1: dim}, {0: dim, 1: dim}),
                                dynamo=True, opset_version=18, external_data=False, optimize=True)
    os.makedirs(os.path.join(out, 'onnx'), exist_ok=True)
    program.save(os.path.join(out, 'onnx', 'model.onnx'))
    for f in os.listdir(hf):
        if f.endswith('.json'): shutil.copy(os.path.join(hf, f), out)


def nll(model, window):
    ids = torch.tensor([window])
    with torch.no_grad(): logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits.double()
    return -logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]


def check(folder):
    import peft
    expected = json.load(open(os.path.join(folder, 'expected.json')))
    here = os.getcwd()
    os.chdir(folder)
    try: pruned = runpy.run_path('prune.py')['target']
    finally: os.chdir(here)
    base = transformers.AutoModelForCausalLM.from_pretrained(os.path.join(folder, pruned), attn_implementation='eager').float().eval()
    far = lambda model, key: (nll(model, expected['window']) - torch.tensor(expected[key], dtype=torch.float64)).abs().max().item()
    before = far(base, 'pruned')
    model = peft.PeftModel.from_pretrained(base, folder).eval()
    loaded = far(model, 'nll')
    merged = far(model.merge_and_unload(), 'nll')
    moved = (torch.tensor(expected['nll']) - torch.tensor(expected['pruned'])).abs().mean().item()
    ok = max(before, loaded, merged) <= 1e-4
    print(f"{'ok' if ok else 'FAR'}  {os.path.basename(folder.rstrip('/'))}: without the adapter {before:.1e}, with it {loaded:.1e}, merged {merged:.1e} (it moves the NLL by {moved:.2f} on average)", flush=True)
    return ok


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('command', choices=['make', 'check'])
    a.add_argument('dir')
    a.add_argument('names', nargs='+')
    a = a.parse_args()
    torch.set_num_threads(1)
    os.makedirs(a.dir, exist_ok=True)
    if a.command == 'make':
        for family in a.names: make(a.dir, family)
        return
    import peft
    print('peft', peft.__version__, 'transformers', transformers.__version__, 'torch', torch.__version__)
    sys.exit(0 if all([check(os.path.join(a.dir, name)) for name in a.names]) else 1)


if __name__ == '__main__': main()
