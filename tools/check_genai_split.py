"""Load a folder whose model comes in parts (decoder, embedding, vision) with onnxruntime-genai on the CPU and compare its greedy ids with a golden.

  pip install onnxruntime-genai==0.18.0 numpy
  python check_genai_split.py FOLDER GOLDEN.json [--removed 1,3]

The golden is one of golden2 or golden3 (split-genai-*); --removed picks its entry, by default the intact model. Ids count as far as `greedyMargins` exceed
`logitTol`. Every `filename` of genai_config.json must exist. Exit code 0: equal; 1: not; 2: the runtime cannot load or run the folder."""
import argparse, importlib.metadata, json, os, sys
import numpy as np
import onnxruntime_genai as og

STEPS = 8


def filenames(node):
    """Every file that a config names, whatever the section."""
    for key, value in node.items() if isinstance(node, dict) else ():
        if key == 'filename' and isinstance(value, str): yield value
        else: yield from filenames(value)


def generate(folder, ids):
    config = og.Config(folder)
    config.clear_providers()
    model = og.Model(config)
    params = og.GeneratorParams(model)
    params.set_search_options(do_sample=False, max_length=len(ids) + STEPS, batch_size=1)
    generator = og.Generator(model, params)
    generator.append_tokens(np.array([ids], np.int32))
    out = []
    while len(out) < STEPS and not generator.is_done():
        generator.generate_next_token()
        out.append(int(generator.get_next_tokens()[0]))
    return out


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('folder')
    a.add_argument('golden')
    a.add_argument('--removed', default='', help='blocks that the folder lacks, such as 1,3')
    a = a.parse_args()
    golden = json.load(open(a.golden))
    removed = [int(i) for i in a.removed.split(',') if i != '']
    want = next((p for p in golden['pruned'] if p['removed'] == removed), None)
    if want is None or 'greedy' not in want: sys.exit('%s has no greedy ids for %s' % (a.golden, removed))
    config = json.load(open(os.path.join(a.folder, 'genai_config.json')))
    missing = [f for f in filenames(config) if not os.path.exists(os.path.join(a.folder, f))]
    # Steps that are certain: up to the first margin below the tolerance.
    certain = next((k for k, m in enumerate(want['greedyMargins']) if m < golden['logitTol']), len(want['greedy']))
    report = {'folder': a.folder, 'removed': removed, 'layers': config['model']['decoder'].get('num_hidden_layers'), 'missing': missing,
              'expected': want['greedy'], 'certain': certain,
              'versions': {n: importlib.metadata.version(n) for n in ('onnxruntime-genai', 'onnxruntime')}}
    try:
        ids = generate(a.folder, want['promptIds'])
    except Exception as x:
        print(json.dumps({**report, 'error': '%s: %s' % (type(x).__name__, str(x)[:500])}))
        sys.exit(2)
    eos = config['model'].get('eos_token_id', [])
    eos = eos if isinstance(eos, list) else [eos]
    # Generation stops early at an end-of-sequence token.
    length = min(certain, len(ids)) if ids and ids[-1] in eos else certain
    equal = not missing and ids[:length] == want['greedy'][:length]
    print(json.dumps({**report, 'ids': ids, 'compared': length, 'equal': equal}))
    sys.exit(0 if equal else 1)


if __name__ == '__main__': main()
