"""Load a folder with onnxruntime-genai on the CPU and print the greedy ids after a prompt of token ids, as JSON.

  pip install onnxruntime-genai==0.18.0 numpy
  python load_genai.py FOLDER ID [ID ...]

Compare with `pruned[].greedy` of the folder's golden: 8 ids after `promptIds`. Generation stops early at the folder's end-of-sequence token."""
import argparse, json
import numpy as np
import onnxruntime_genai as og

STEPS = 8


def generate(folder, ids, steps):
    config = og.Config(folder)
    config.clear_providers()
    model = og.Model(config)
    params = og.GeneratorParams(model)
    params.set_search_options(do_sample=False, max_length=len(ids) + steps, batch_size=1)
    generator = og.Generator(model, params)
    generator.append_tokens(np.array([ids], np.int32))
    out = []
    while len(out) < steps and not generator.is_done():
        generator.generate_next_token()
        out.append(int(generator.get_next_tokens()[0]))
    return out


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('folder')
    a.add_argument('ids', nargs='+', type=int)
    a = a.parse_args()
    print(json.dumps(generate(a.folder, a.ids, STEPS)))


if __name__ == '__main__': main()
