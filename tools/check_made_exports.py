"""Loads what Espalier writes of checkpoints and GGUF files with other engines, and compares with the goldens.

  python check_made_exports.py onnx REPO OUT NAME ...        pruned as ONNX: greedy ids by onnxruntime-genai
  python check_made_exports.py healed REPO OUT NAME ...      healed checkpoints (safetensors): NLL by Transformers

NAME: a fixture with a golden, such as hf-llama-fp32 or gguf-llama-q8_0. REPO: this repository, with its packages installed. OUT is emptied.
`onnx` writes every plan of the golden that removes whole blocks by `prune --format onnx`, and compares up to the first margin below the golden's `logitTol`.
`healed` heals without blocks 1 and 3 by a refit and two steps of LoRA, writes the kit, and runs its check.py. Exit 1 where anything differs.
Needs onnxruntime-genai 0.18.0; for `healed` transformers 4.57.6 and torch 2.13."""
import json, os, pathlib, shutil, subprocess, sys


# Of every fixture.
EOS = 2


def espalier(repo, *words):
    done = subprocess.run(['npm', 'run', '-s', 'espalier', '--', *words], cwd=repo, capture_output=True, text=True)
    if done.returncode != 0: raise SystemExit(f'{" ".join(words)}: {done.stderr.strip()}')


def generate(folder, ids, count):
    import onnxruntime_genai as og
    model = og.Model(str(folder))
    params = og.GeneratorParams(model)
    params.set_search_options(max_length=len(ids) + count + 1, min_length=len(ids) + count + 1, do_sample=False)
    generator = og.Generator(model, params)
    generator.append_tokens(ids)
    found = []
    while len(found) < count:
        generator.generate_next_token()
        found.append(int(generator.get_sequence(0)[-1]))
    return found


def onnx(repo, out, name):
    golden = json.loads((repo / f'e2e/fixtures/golden/{name}.json').read_text())
    wrong = 0
    for row in golden['pruned']:
        removed = ','.join(map(str, row['removed']))
        folder = out / f'{name}-without-{removed or "none"}'
        espalier(repo, 'prune', f'e2e/fixtures/{name}', '--remove', removed, '--format', 'onnx', '--out', str(folder))
        found = generate(folder, row['promptIds'], len(row['greedy']))
        # Goldens of llama.cpp compute with rounded activations: ids bind up to its first close call.
        sure = next((k for k, margin in enumerate(row['greedyMargins']) if margin < golden['logitTol']), len(found))
        # min_length keeps ONNX Runtime GenAI from the token that ends a text.
        if EOS in row['greedy']: sure = min(sure, row['greedy'].index(EOS))
        equal = next((k for k, (a, b) in enumerate(zip(found, row['greedy'])) if a != b), len(found))
        wrong += equal < sure
        print(f'{name} without [{removed}]: {equal} of {len(found)} ids equal, {sure} have to be')
    return wrong


def healed(repo, out, name):
    folder = out / f'{name}-healed'
    text = out / 'text.txt'
    text.write_text((repo / 'public/text/calibration.txt').read_text()[:20000])
    espalier(repo, 'heal', f'e2e/fixtures/{name}', '--remove', '1,3', '--text', str(text), '--method', 'refit,lora', '--steps', '2', '--kit', '--out', str(folder))
    done = subprocess.run([sys.executable, 'check.py'], cwd=folder / 'continued-pretraining', capture_output=True, text=True)
    print(name, (done.stdout.strip().splitlines() or [done.stderr])[-1])
    return done.returncode != 0


if __name__ == '__main__':
    if len(sys.argv) < 5: raise SystemExit(__doc__)
    repo, out = pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(sys.argv[3]).resolve()
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    check = {'onnx': onnx, 'healed': healed}[sys.argv[1]]
    sys.exit(min(1, sum(check(repo, out, name) for name in sys.argv[4:])))
