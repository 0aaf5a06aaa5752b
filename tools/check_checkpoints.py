"""Loads checkpoints that Espalier pruned with Transformers, and holds them against the goldens of make_safetensors.py.

  python check_checkpoints.py GOLDENS PRUNED ...      GOLDENS: folder of hf-*.json; PRUNED: folders named like them, blocks 1 and 3 removed

For each folder: SHA-256, type and shape of every tensor, what config.json has that the golden's does not, NLL of every window in float32,
greedy ids up to the first margin that is within the tolerance of logits. Exit 1 where something differs. Needs torch, transformers, safetensors."""
import hashlib, json, os, sys
import torch, transformers

MODELS = transformers.AutoModelForCausalLM


def tensors(folder):
    found = {}
    for f in sorted(os.listdir(folder)):
        if not f.endswith('.safetensors'): continue
        raw = open(os.path.join(folder, f), 'rb').read()
        n = int.from_bytes(raw[:8], 'little')
        for k, v in json.loads(raw[8:8 + n]).items():
            if k == '__metadata__': continue
            a, b = v['data_offsets']
            assert k not in found, k
            found[k] = {'dtype': v['dtype'], 'shape': v['shape'], 'sha256': hashlib.sha256(raw[8 + n + a:8 + n + b]).hexdigest()}
    return found


def check(golden, folder):
    problems = []
    removed, want = golden['prunedFolder']['removed'], golden['prunedFolder']
    if tensors(folder) != want['tensors']: problems.append('tensors differ')
    config = json.load(open(os.path.join(folder, 'config.json')))
    wrong = [k for k, v in want['configChanges'].items() if config.get(k) != v]
    if wrong: problems.append('config.json differs in ' + ', '.join(wrong))
    index = os.path.join(folder, 'model.safetensors.index.json')
    if os.path.exists(index):
        listed = json.load(open(index))['weight_map']
        if sorted(listed) != sorted(want['tensors']): problems.append('the index lists other tensors')
    plan = next(p for p in golden['pruned'] if p['removed'] == removed)
    model, info = MODELS.from_pretrained(folder, attn_implementation='eager', output_loading_info=True)
    model = model.float().eval()
    tied = set(getattr(model, '_tied_weights_keys', None) or [])
    if set(info['missing_keys']) - tied or info['unexpected_keys'] or info['mismatched_keys']: problems.append(f'loading: {info}')
    worst = 0.0
    for ids, nll in zip(golden['windows'], plan['nllPerWindow']):
        ids = torch.tensor([ids])
        with torch.no_grad(): logits = model(input_ids=ids, use_cache=False).logits[0, :-1].double()
        worst = max(worst, abs(torch.nn.functional.cross_entropy(logits, ids[0, 1:]).item() - nll))
    if worst > 1e-4: problems.append('NLL differs')
    ids, same = list(plan['promptIds']), 0
    for token, margin in zip(plan['greedy'], plan['greedyMargins']):
        if margin <= golden['logitTol']: break
        with torch.no_grad(): best = int(model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].argmax())
        if best != token:
            problems.append(f'greedy token {same} is {best}, not {token}')
            break
        ids.append(best)
        same += 1
    print('%-24s %s  NLL within %.1e, %d greedy ids' % (golden['fixture'], '; '.join(problems) or 'ok', worst, same))
    return not problems


def main():
    if len(sys.argv) < 3: sys.exit(__doc__)
    goldens, *folders = sys.argv[1:]
    print('transformers', transformers.__version__, 'torch', torch.__version__)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    results = [check(json.load(open(os.path.join(goldens, os.path.basename(os.path.normpath(f)) + '.json'))), f) for f in folders]
    sys.exit(0 if all(results) else 1)


if __name__ == '__main__': main()
