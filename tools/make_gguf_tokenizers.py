"""Golden for the tokenizers of GGUF files (src/model/make/gguf/tokenizer): small vocabularies, as their metadata, and what
llama.cpp makes of texts with them.

  python make_gguf_tokenizers.py files <english.txt> <folder>      vocabulary files: bpe-<pre>.gguf and spm-*.gguf
  node make_gguf_tokenizers.mjs <folder>                            llama.cpp's ids, by node-llama-cpp 3.22.1
  python make_gguf_tokenizers.py golden <folder> > src/model/make/gguf/testing/tokenizers.json
  python make_gguf_tokenizers.py check <folder of tokenizer.json>   the same ids by Hugging Face tokenizers

The byte-level BPE is one vocabulary under all names; the pieces are SentencePiece's own, of its BPE trainer."""
import glob, io, json, os, sys
import gguf, sentencepiece, tokenizers

PRE = ['gpt-2', 'smollm', 'llama-bpe', 'qwen2', 'tekken', 'gpt-4o', 'bloom', 'viking', 'deepseek-coder', 'dbrx', 'qwen35', 'seed-coder', 'minicpm5', 'deepseek-v3']
TEXTS = [
    'The quick brown fox jumps over the lazy dog, 12345 times.', "I'll say it's he'd; THEY'VE don't WE'RE 'tis O'Neill's", '  two  spaces   and\ttabs\n\nnew lines \n  \r\nend  ', 'x=1+2*3/4; if (a<=b) { return foo_bar[0]; } // c++ #!$%',
    'Ünïcödé straße Ελληνικά Привет мир, ça va?', '日本語のテキスト、中文文本。 한국어 문장!', 'emoji 👩‍👩‍👧 🤗🎉 and \u200b zero width', '3.14159 1,000,000 2nd 10x ½ ² Ⅷ ٣', 'CamelCaseWords XMLHttpRequest iPhone HELLO World', 'a</s>b <|end|> c <s> d<|user|>\n e', '',
    ' leading', 'trailing ', 'नमस्ते दुनिया क्या हाल है', 'e\u0301 decomposed a\u0308', '\n', 'word\nword\n\n\nword   word', "''' \"quoted\" —dash… «guillemets»"]


def trained(text):
    t = tokenizers.Tokenizer(tokenizers.models.BPE())
    # without words, so that tokens go over their ends: which of them a text becomes then depends on how it is split
    t.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    special = ['<unk>', '<s>', '</s>', '<|end|>', '<|user|>']
    parts = [text[k:k + 40] for k in range(0, 8000, 40)]
    t.train_from_iterator([*parts, *TEXTS, *TEXTS], tokenizers.trainers.BpeTrainer(vocab_size=900, special_tokens=special, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet()))
    m = json.loads(t.to_str())['model']
    tokens = [k for k, _ in sorted(m['vocab'].items(), key=lambda x: x[1])]
    types = [2, 3, 3, 3, 4] + [1] * (len(tokens) - 5)
    return tokens, types, [' '.join(x) for x in m['merges']]


def pieces(text, **more):
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(text.splitlines() + [t for t in TEXTS if t.strip()]), model_writer=out, vocab_size=600, model_type='bpe', byte_fallback=True,
                                             character_coverage=0.99, normalization_rule_name='identity', remove_extra_whitespaces=False, split_digits=True, minloglevel=2, **more)
    sp = sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())
    tokens, scores, types = [], [], []
    for i in range(sp.vocab_size()):
        tokens.append(sp.id_to_piece(i))
        scores.append(sp.get_score(i))
        types.append(2 if sp.is_unknown(i) else 3 if sp.is_control(i) else 6 if sp.is_byte(i) else 1)
    for t, kind in [('<|end|>', 3), ('<|user|>', 4), ('  ', 4), ('   ', 4)]:
        tokens.append(t); scores.append(-1000.0); types.append(kind)
    return tokens, scores, types


def write(path, model, tokens, types, scores=None, merges=None, pre=None, **flags):
    w = gguf.GGUFWriter(path, 'llama')
    w.add_tokenizer_model(model)
    if pre: w.add_tokenizer_pre(pre)
    w.add_token_list(tokens)
    w.add_token_types(types)
    if scores is not None: w.add_token_scores(scores)
    if merges is not None: w.add_token_merges(merges)
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_unk_token_id(0)
    for k, v in flags.items(): getattr(w, k)(v)
    for k in ('context_length', 'embedding_length', 'block_count', 'feed_forward_length', 'head_count'): getattr(w, 'add_' + k)(32)
    w.add_layer_norm_rms_eps(1e-5)
    w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()


def metadata(path):
    r = gguf.GGUFReader(path)
    return {k: f.contents() for k, f in r.fields.items() if k.startswith('tokenizer.')}


def files(text, out):
    os.makedirs(out, exist_ok=True)
    tokens, types, merges = trained(open(text, encoding='utf8').read()[:60000])
    for pre in PRE: write(f'{out}/bpe-{pre}.gguf', 'gpt2', tokens, types, merges=merges, pre=pre)
    tokens, scores, types = pieces(open(text, encoding='utf8').read()[:60000])
    write(f'{out}/spm-prefix.gguf', 'llama', tokens, types, scores)
    write(f'{out}/spm-plain.gguf', 'llama', tokens, types, scores, add_add_space_prefix=False, add_add_bos_token=False)
    json.dump(TEXTS, open(f'{out}/texts.json', 'w'))


def golden(out):
    ids = json.load(open(f'{out}/ids.json'))
    bpe, spm = metadata(f'{out}/bpe-gpt-2.gguf'), metadata(f'{out}/spm-prefix.gguf')
    bpe.pop('tokenizer.ggml.pre')
    print(json.dumps({'made': 'llama.cpp of node-llama-cpp 3.22.1', 'texts': TEXTS, 'bpe': bpe, 'spm': spm, 'ids': ids}, ensure_ascii=False, indent=None, separators=(',', ':')).replace('],"', '],\n"'))


def check(folder, out):
    ids = json.load(open(f'{out}/ids.json'))
    for path in sorted(glob.glob(f'{folder}/*.json')):
        name = os.path.basename(path)[:-5]
        t = tokenizers.Tokenizer.from_file(path)
        for text, want, ours in zip(TEXTS, ids[name], json.load(open(f'{folder}/{name}.ids')) if os.path.exists(f'{folder}/{name}.ids') else ids[name]):
            got = t.encode(text, add_special_tokens=False).ids
            if got != ours: print(name, 'Hugging Face differs from us', repr(text), got, ours)
            if got != want: print(name, 'Hugging Face differs from llama.cpp', repr(text), [t.id_to_token(i) for i in got], [t.id_to_token(i) for i in want])


if __name__ == '__main__': {'files': files, 'golden': golden, 'check': check}[sys.argv[1]](*sys.argv[2:])
