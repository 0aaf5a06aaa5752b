"""Tiny multimodal checkpoints and what Transformers makes of a text, beside the score of the command line: check that they open as their text model.

  python check_multimodal.py --out DIR [name ...]      (recorded in docs/formats.md; needs torch, transformers 4.57.6, node)

Random weights, float32, as save_pretrained writes them. Run it from the root of the repository; numbers are mean NLLs of one window, intact and without block 1
(the text model's decoder layers removed in memory)."""
import argparse, json, os, shutil, subprocess
import torch
import transformers as T

torch.set_num_threads(1)
SEES = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14)
TEXT = dict(vocab_size=384, hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=256, pad_token_id=0, bos_token_id=1, eos_token_id=2)
MROPE = dict(rope_scaling={'rope_type': 'default', 'type': 'mrope', 'mrope_section': [2, 3, 3]})
QWEN_SEES = dict(depth=1, num_heads=2, patch_size=14)
WINDOW = [12, 138, 198, 54, 33, 7, 300, 22, 199, 42, 5, 77]
CASES = {
    'llava': lambda: (T.LlavaForConditionalGeneration, T.LlavaConfig(vision_config=T.CLIPVisionConfig(**SEES), text_config=T.LlamaConfig(**TEXT), image_token_index=383)),
    'llava_next': lambda: (T.LlavaNextForConditionalGeneration, T.LlavaNextConfig(vision_config=T.CLIPVisionConfig(**SEES), text_config=T.MistralConfig(**TEXT), image_token_index=383)),
    'mistral3': lambda: (T.Mistral3ForConditionalGeneration, T.Mistral3Config(vision_config=T.PixtralVisionConfig(**SEES, head_dim=16), text_config=T.MistralConfig(**TEXT, head_dim=16), image_token_index=383)),
    'smolvlm': lambda: (T.SmolVLMForConditionalGeneration, T.SmolVLMConfig(vision_config=SEES, text_config=T.LlamaConfig(**TEXT).to_dict(), image_token_id=383, scale_factor=1)),
    'gemma3': lambda: (T.Gemma3ForConditionalGeneration, T.Gemma3Config(vision_config=T.SiglipVisionConfig(**SEES).to_dict(), mm_tokens_per_image=4, image_token_index=383,
                       text_config=T.Gemma3TextConfig(**{**TEXT, 'num_hidden_layers': 6}, head_dim=16, query_pre_attn_scalar=16, sliding_window=8).to_dict())),
    'qwen2_vl': lambda: (T.Qwen2VLForConditionalGeneration, T.Qwen2VLConfig(vision_config=dict(QWEN_SEES, embed_dim=32, hidden_size=64), text_config=dict(TEXT, **MROPE), image_token_id=383)),
    'qwen2_5_vl': lambda: (T.Qwen2_5_VLForConditionalGeneration, T.Qwen2_5_VLConfig(vision_config=dict(QWEN_SEES, hidden_size=32, out_hidden_size=64), text_config=dict(TEXT, **MROPE), image_token_id=383)),
    'qwen3_vl': lambda: (T.Qwen3VLForConditionalGeneration, T.Qwen3VLConfig(vision_config=dict(QWEN_SEES, hidden_size=32, out_hidden_size=64, intermediate_size=32, deepstack_visual_indexes=[0]),
                         text_config=dict(TEXT, head_dim=16, **MROPE), image_token_id=383)),
}


def nll(model):
    ids = torch.tensor([WINDOW])
    with torch.no_grad(): logits = model(input_ids=ids, use_cache=False).logits.double()
    return torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:]).item()


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--out', required=True)
    a.add_argument('names', nargs='*')
    a = a.parse_args()
    os.makedirs(a.out, exist_ok=True)
    windows, report = os.path.join(a.out, 'windows.json'), os.path.join(a.out, 'score.json')
    json.dump([WINDOW], open(windows, 'w'))
    for name in a.names or CASES:
        torch.manual_seed(0)
        kind, config = CASES[name]()
        model = kind(config).float().eval()
        centred = 'gemma' in name
        with torch.no_grad():
            for key, p in model.named_parameters():
                p.copy_(torch.randn(p.shape) * (0.2 if p.dim() > 1 else 0.1) + (1 if 'norm' in key and 'bias' not in key and not centred else 0))
        folder = os.path.join(a.out, name)
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder)
        want = [nll(model)]
        text = model.model.language_model if hasattr(model.model, 'language_model') else model.model.text_model
        del text.layers[1]
        want.append(nll(model))
        subprocess.run(['npx', 'tsx', 'src/cli/main.ts', 'score', folder, '--windows', windows, '--json', report], check=True, capture_output=True)
        have = json.load(open(report))
        found = [have['baseline']['nll'], have['blocks'][1]['nll']]
        print(name, ' '.join('%.6f' % x for x in want), 'largest difference %.1e' % max(abs(x - y) for x, y in zip(want, found)), flush=True)


if __name__ == '__main__': main()
