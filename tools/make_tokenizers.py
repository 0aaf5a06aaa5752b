"""Makes src/text/testing/tokenizers.json: small tokenizers of every configuration that
tokenizer.json knows, texts, and the ids of the Rust library for them.

    python tools/make_tokenizers.py --text public/text/calibration.txt \
        --out src/text/testing/tokenizers.json          # tokenizers==0.23.3, sentencepiece==0.2.3
    python tools/make_tokenizers.py --text ... --out all.json --all --random 2000

A row is a base tokenizer with some of its members replaced; its ids belong to a selection of the
texts (all of them with --all). null instead of ids: the library does not load the file or fails on
the text. --random adds rows put together by chance.
"""

import argparse
import base64
import json
import os
import random
import resource
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

TEXTS = [
    "the sing",
    "don't I'LL we'VE it's",
    "  lead and trail  ",
    "a 🍣 b👩‍🌾👍🏽 🇩🇪",
    "tab\tnew\nline\r\ncrlf\n\n\nthree",
    "ünï the Ünï café cafe\u0301 ẛ̣ ｆｕｌｌ ﬁ ½ Ⅷ",
    "木の下で梨を食べる。你好，世界！한국어 조합",
    "<s>the</s> <mask>and<mask> <b>x<b><b> [DAY]",
    "a<b>b <b> c<mask>\t<mask>  <pad>thin thing within thin",
    "12 345,678.90 ١٢٣ ५ ²³ x1y22z333",
    "!!?? hello... (world) [a]{b} $5 #tag @you _under_ -dash– —em“q”",
    "ΑΣ ΟΔΥΣΣΕΥΣ İstanbul STRASSE straße ſ K Ǆ",
    "\u00a0nbsp\u2003em\u200bzero\u200djoin\ufeffbom\u3000wide\u0085nel\u2028ls",
    "\x00\x01\x07\x1bcontrol\x7f\x9f\xad\ufffd",
    "Pneumonoultramicroscopicsilicovolcanoconiosis" * 3,
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    " ",
    "\n",
    "   \n  ",
    "▁the▁ ▁and ▁▁x",
    "<0x41>the<0x0A><unk>and",
    "the<unk>the <unk> <UNK>",
    "สวัสดี नमस्ते مرحبا שָׁלוֹם Привет ё é",
    "x = {'a': [1, 2], \"b\": None}  # comment\n    return x**2",
    "CamelCase snake_case HTTPServer iPhone X-Ray e.g. U.S.A.",
    "the$1 $& $$ \\n (a|b)* ^.$",
    "Hello, y'all! How are you 😁 ?",
    "q z 木 ж",
    "and and  and   and\tand",
    "the\u0301 a\u0300\u0316 \u0301lone \U0001d400\U0001f600 \U00020000\U0002b740\U0002b820\U0002f800",
    "x\u0305\u200c\u200d_\u203f y2 a\u0903b",
    "the and\u2581the",
    "it'ſ x'ſ 'ſ 'S I'M i'Ll ſs ﬀ'ﬀ they'Re",
    "\ud7ff\ue000 \U000e0041tag \u0600arab \u0378unassigned \ufff9x \u061cy \u00b7z \u2ffb",
]

ADDED_FLAGS = ["single_word", "lstrip", "rstrip", "normalized"]


def lines(path):
    with open(path, encoding="utf8") as file:
        return [line for line in file.read().split("\n") if line][:2500]


def trained(model, trainer, text, pre, decoder=None):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre
    if decoder is not None:
        tokenizer.decoder = decoder
    tokenizer.train_from_iterator(text, trainer)
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = []
    return data


def with_bytes(data):
    """A model with <unk> and a token for each byte before its own."""
    model = data["model"]
    names = [f"<0x{b:02X}>" for b in range(256)]
    if isinstance(model["vocab"], list):
        model["vocab"] += [[name, -20.0 - k / 256] for k, name in enumerate(names)]
    else:
        size = len(model["vocab"])
        model["vocab"].update({name: size + k for k, name in enumerate(names)})
    return data


def bases(text):
    chars = {"special_tokens": ["<unk>"], "limit_alphabet": 60, "show_progress": False}
    space = pre_tokenizers.Metaspace(prepend_scheme="always")
    words = pre_tokenizers.Whitespace()
    out = {
        "bytes": trained(
            models.BPE(),
            trainers.BpeTrainer(
                vocab_size=380, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
            ),
            text,
            pre_tokenizers.ByteLevel(add_prefix_space=False),
            decoders.ByteLevel(),
        ),
        "pieces": with_bytes(
            trained(
                models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True),
                trainers.BpeTrainer(vocab_size=220, **chars),
                text,
                space,
            )
        ),
        "unigram": with_bytes(
            trained(
                models.Unigram(),
                trainers.UnigramTrainer(
                    vocab_size=180, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False
                ),
                text,
                space,
            )
        ),
        "wordpiece": trained(
            models.WordPiece(unk_token="[UNK]"),
            trainers.WordPieceTrainer(
                vocab_size=260, special_tokens=["[UNK]"], limit_alphabet=60, show_progress=False
            ),
            text,
            words,
        ),
        "wordlevel": trained(
            models.WordLevel(unk_token="<unk>"),
            trainers.WordLevelTrainer(vocab_size=90, special_tokens=["<unk>"], show_progress=False),
            text,
            words,
        ),
        "suffix": trained(
            models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"),
            trainers.BpeTrainer(vocab_size=240, end_of_word_suffix="</w>", **chars),
            text,
            words,
        ),
        "prefix": trained(
            models.BPE(unk_token="<unk>", continuing_subword_prefix="##"),
            trainers.BpeTrainer(vocab_size=240, continuing_subword_prefix="##", **chars),
            text,
            words,
        ),
    }
    return out


def charsmap(text, **how):
    with tempfile.TemporaryDirectory() as folder:
        corpus = f"{folder}/corpus.txt"
        with open(corpus, "w", encoding="utf8") as file:
            file.write("\n".join(text))
        sentencepiece.SentencePieceTrainer.train(
            input=corpus, model_prefix=f"{folder}/m", vocab_size=120, minloglevel=2, **how
        )
        proto = sentencepiece_model_pb2.ModelProto()
        with open(f"{folder}/m.model", "rb") as file:
            proto.ParseFromString(file.read())
        return base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()


def small_charsmap(text):
    rules = [
        ("\u00a0", " "), ("\uff46", "f"), ("\uff55", "u"), ("\uff4c", "l"), ("\ufb01", "fi"),
        ("\u00bd", "1/2"), ("e\u0301", "\u00e9"), ("\u3000", " "), ("\t", " "), ("\n", " "),
        ("\u200b", ""), ("\ufeff", ""), ("\U0001f363", "sushi"), ("\u2581", " "), ("\x07", ""),
        ("\r\n", " "),
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        for old, new in rules:
            code = lambda s: " ".join(f"{ord(c):X}" for c in s)
            file.write(f"{code(old)}\t{code(new)}\n")
        file.flush()
        return charsmap(text, normalization_rule_tsv=file.name)


REGEXES = {
    "gpt2": "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
    "llama3": "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "qwen2": "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "o200k": "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "qwen35": "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "deepseek": "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "cjk": "[一-龥\u3040-ゟ゠-ヿ]+",
    "digits": "\\p{N}{1,3}",
    "bloom": " ?[^(\\s|[.,!?…。，、।۔،])]+",
    "boundary": "\\b",
    "ahead": "(?=[A-Z])",
    "word": "\\w+",
    "notword": "\\W+",
    "space": "\\s+",
    "spaceclass": "[\\s\\d]+",
    "star": "x*",
    "dot": "a.",
    "line": "^.+$",
    "posix": "[[:punct:]]+|[[:alpha:]]+",
    "folded": "(?i:the|ss|k)",
    "newline": "\\R|\\n",
    "unicode": "[\\x{300}-\\x{36f}]+|\\u00e9",
    "hex": "\\h+",
}


def rows(base, maps):
    """(name, base, members) of the table."""
    out = []
    seen = lambda x: {"type": "Sequence", "pretokenizers": [
        x, {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": False}]}
    add = lambda name, b, **members: out.append((name, b, members))
    for name in base:
        add(f"plain {name}", name)
    # Pre-tokenizers: the pieces are seen by the blank before each.
    behaviors = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
    for behavior in behaviors:
        for invert in [False, True]:
            for pattern in [{"String": " "}, {"Regex": "\\s|[,.!?]"}, {"String": "a"}]:
                add(f"Split {behavior} {invert} {list(pattern.values())[0]}", "bytes",
                    pre_tokenizer=seen({"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}))
        add(f"Punctuation {behavior}", "bytes", pre_tokenizer=seen({"type": "Punctuation", "behavior": behavior}))
    for name, regex in REGEXES.items():
        split = {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}
        add(f"pattern {name}", "bytes", pre_tokenizer=seen(split))
    for individual in [True, False]:
        add(f"Digits {individual}", "bytes", pre_tokenizer=seen({"type": "Digits", "individual_digits": individual}))
    for kind in ["Whitespace", "WhitespaceSplit", "BertPreTokenizer", "UnicodeScripts"]:
        add(kind, "bytes", pre_tokenizer=seen({"type": kind}))
    add("CharDelimiterSplit", "bytes", pre_tokenizer=seen({"type": "CharDelimiterSplit", "delimiter": "a"}))
    for length in [1, 5]:
        add(f"FixedLength {length}", "bytes", pre_tokenizer=seen({"type": "FixedLength", "length": length}))
    for prefix in [True, False]:
        for regex in [True, False]:
            add(f"ByteLevel {prefix} {regex}", "bytes", pre_tokenizer={
                "type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": prefix, "use_regex": regex})
    for scheme in ["always", "first", "never"]:
        for split in [True, False]:
            meta = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split}
            for b in ["pieces", "unigram"]:
                add(f"Metaspace {scheme} {split} {b}", b, pre_tokenizer=meta)
            add(f"Metaspace {scheme} {split} with tokens", "pieces", pre_tokenizer=meta,
                added_tokens=[token(base["pieces"], 0, "<s>"), token(base["pieces"], 1, "<b>", rstrip=True)])
            add(f"Metaspace {scheme} {split} after Strip", "pieces", pre_tokenizer=meta,
                normalizer={"type": "Strip", "strip_left": True, "strip_right": False})
    add("Metaspace old", "pieces", pre_tokenizer={"type": "Metaspace", "replacement": "▁", "add_prefix_space": True})
    add("Metaspace old without", "pieces",
        pre_tokenizer={"type": "Metaspace", "replacement": "▁", "add_prefix_space": False, "prepend_scheme": "never"})
    add("Metaspace contradiction", "pieces",
        pre_tokenizer={"type": "Metaspace", "replacement": "▁", "add_prefix_space": False})
    add("Metaspace other mark", "bytes", pre_tokenizer=seen({"type": "Metaspace", "replacement": "_"}))
    add("no pre_tokenizer", "pieces", pre_tokenizer=None)
    add("no pre_tokenizer unigram", "unigram", pre_tokenizer=None)
    add("llama", "pieces", pre_tokenizer=None, normalizer={"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]})
    add("gemma", "pieces", pre_tokenizer={
        "type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
        normalizer={"type": "Replace", "pattern": {"String": " "}, "content": "▁"})
    add("falcon", "bytes", pre_tokenizer={"type": "Sequence", "pretokenizers": [
        {"type": "Punctuation", "behavior": "Contiguous"},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        {"type": "Digits", "individual_digits": False},
        {"type": "Split", "pattern": {"Regex": "[0-9][0-9][0-9]"}, "behavior": "Isolated", "invert": False}]})
    # Normalizers: the text is seen byte by byte.
    normal = {
        **{form: {"type": form} for form in ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel"]},
        "NFD StripAccents": {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}]},
        "Prepend": {"type": "Prepend", "prepend": "▁"},
        "Replace String": {"type": "Replace", "pattern": {"String": "the"}, "content": "$&$1"},
        "Replace Regex": {"type": "Replace", "pattern": {"Regex": " {2,}|\\t"}, "content": "▁"},
        "Replace nothing": {"type": "Replace", "pattern": {"Regex": "[aeiou]"}, "content": ""},
        "Replace empty": {"type": "Replace", "pattern": {"Regex": "x*"}, "content": "-"},
        "Precompiled": {"type": "Precompiled", "precompiled_charsmap": maps[0]},
        "Unknown": {"type": "Nonsense"},
    }
    if len(maps) > 1:
        normal["Precompiled nmt_nfkc"] = {"type": "Precompiled", "precompiled_charsmap": maps[1]}
    for left in [True, False]:
        for right in [True, False]:
            normal[f"Strip {left} {right}"] = {"type": "Strip", "strip_left": left, "strip_right": right}
    for clean in [True, False]:
        for cjk in [True, False]:
            for accents in [None, True, False]:
                for lower in [True, False]:
                    if clean == cjk or accents is None:
                        normal[f"BertNormalizer {clean} {cjk} {accents} {lower}"] = {
                            "type": "BertNormalizer", "clean_text": clean, "handle_chinese_chars": cjk,
                            "strip_accents": accents, "lowercase": lower}
    for name, normalizer in normal.items():
        add(name, "bytes", normalizer=normalizer)
    add("ByteLevel normalizer", "bytes", normalizer={"type": "ByteLevel"}, pre_tokenizer=None)
    # Models.
    for name, changes in {
        "fuse_unk": {"fuse_unk": True, "byte_fallback": False},
        "no fuse_unk": {"fuse_unk": False, "byte_fallback": False},
        "no unk": {"unk_token": None, "byte_fallback": False},
        "unk not in vocab": {"unk_token": "<none>", "byte_fallback": False},
        "byte_fallback": {"fuse_unk": False},
        "ignore_merges": {"ignore_merges": True},
        "dropout": {"dropout": 0.5},
        "dropout 0": {"dropout": 0.0},
        "unknown option": {"novel": "x"},
    }.items():
        add(f"BPE {name}", "pieces", model=changes)
    some = {k: v for k, v in base["pieces"]["model"]["vocab"].items() if k != "<0xF0>"}
    add("BPE byte_fallback without a byte", "pieces", model={"vocab": some})
    add("BPE merges as texts", "bytes", model={"merges": [" ".join(m) for m in base["bytes"]["model"]["merges"]]})
    add("BPE suffix fused", "suffix", model={"fuse_unk": True})
    add("BPE prefix fused", "prefix", model={"fuse_unk": True})
    add("BPE ignore_merges words", "bytes", model={
        "ignore_merges": True, "vocab": {**base["bytes"]["model"]["vocab"], "Ġtrail": 380, "HTTP": 381}})
    for name, changes in {
        "byte_fallback": {"byte_fallback": True},
        "no unk_id": {"unk_id": None},
        "no unk_id byte_fallback": {"unk_id": None, "byte_fallback": True},
        "alpha": {"alpha": 0.1, "nbest_size": 4},
    }.items():
        add(f"Unigram {name}", "unigram", model=changes)
    add("Unigram with blanks", "unigram", pre_tokenizer=None, model={"byte_fallback": True},
        normalizer={"type": "Replace", "pattern": {"String": " "}, "content": "▁"})
    for name, changes in {
        "short words": {"max_input_chars_per_word": 5},
        "other prefix": {"continuing_subword_prefix": ""},
        "unk not in vocab": {"unk_token": "<none>"},
    }.items():
        add(f"WordPiece {name}", "wordpiece", model=changes)
    add("BERT", "wordpiece", normalizer=normal["BertNormalizer True True None True"],
        pre_tokenizer={"type": "BertPreTokenizer"},
        post_processor={"type": "BertProcessing", "cls": ["[CLS]", 1], "sep": ["[SEP]", 2]})
    add("WordLevel unk not in vocab", "wordlevel", model={"unk_token": "<none>"})
    add("WordLevel by spaces", "wordlevel", pre_tokenizer={"type": "WhitespaceSplit"})
    # Added tokens.
    for b in ["bytes", "pieces", "wordpiece"]:
        for flag in [None, *ADDED_FLAGS, "special"]:
            flags = {} if flag is None else {flag: True}
            words = ["<s>", "</s>", "<mask>", "<b>", "thin", "[DAY]", "an", "▁the"]
            known = [t for t in words if t not in base[b]["model"]["vocab"]]
            add(f"added {flag} {b}", b, added_tokens=[token(base[b], k, t, **flags) for k, t in enumerate(known)])
    lower = {"type": "Lowercase"}
    both = [token(base["bytes"], k, t, normalized=n) for k, (t, n) in enumerate(
        [("[DAY]", True), ("Hello", True), ("Camel", False), ("<mask>", False), ("STRASSE", True)])]
    add("added normalized and lowercase", "bytes", normalizer=lower, added_tokens=both)
    add("added normalized the same", "bytes", normalizer=lower, added_tokens=[
        token(base["bytes"], 0, "[DAY]", normalized=True), token(base["bytes"], 1, "[Day]", normalized=True)])
    add("added longer first", "bytes", added_tokens=[
        token(base["bytes"], k, t) for k, t in enumerate(["<b", "<b>", "<b><b>", " ", "  ", "\n\n", "thing", "thi"])])
    add("added that is in the vocabulary", "bytes", added_tokens=[
        {**token(base["bytes"], 0, "in"), "id": base["bytes"]["model"]["vocab"]["in"]}])
    add("added with another id", "bytes", added_tokens=[{**token(base["bytes"], 0, "<s>"), "id": 1000}])
    add("added in the gap", "bytes", added_tokens=[{**token(base["bytes"], 0, "<s>"), "id": 3}])
    add("added both strips", "bytes", added_tokens=[
        token(base["bytes"], 0, "<mask>", lstrip=True, rstrip=True), token(base["bytes"], 1, "<b>", lstrip=True)])
    add("added after Prepend", "pieces", normalizer={"type": "Prepend", "prepend": "▁"}, pre_tokenizer=None,
        added_tokens=[token(base["pieces"], 0, "<s>", normalized=True), token(base["pieces"], 1, "<b>")])
    add("added unknown option", "bytes", added_tokens=[{**token(base["bytes"], 0, "<s>"), "novel": 1}])
    # What changes no ids: post-processors, truncation and padding are off without special tokens.
    sequence = [{"Sequence": {"id": "A", "type_id": 0}}]
    special = {"<s>": {"id": "<s>", "ids": [5], "tokens": ["<s>"]}}
    add("TemplateProcessing", "bytes", post_processor={
        "type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, *sequence],
        "pair": sequence + [{"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": special})
    add("truncation and padding", "bytes",
        truncation={"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
        padding={"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": None,
                 "pad_id": 0, "pad_type_id": 0, "pad_token": "!"})
    return out


def token(base, k, content, **flags):
    return {"id": len(base["model"]["vocab"]) + k, "content": content, "single_word": False,
            "lstrip": False, "rstrip": False, "normalized": False, "special": False, **flags}


def by_chance(rng, base, known):
    """A row of parts that other rows have."""
    name = rng.choice(list(base))
    members = {}
    for part in ["normalizer", "pre_tokenizer"]:
        pool = [m[part] for _, _, m in known if m.get(part) and len(str(m[part])) < 20_000
                and m[part].get("type") not in ["Nonsense", "UnicodeScripts"]
                and "UnicodeScripts" not in str(m[part]) and "x*" not in str(m[part])]
        chosen = rng.sample(pool, rng.choice([0, 1, 1, 2]))
        if chosen:
            inner = "normalizers" if part == "normalizer" else "pretokenizers"
            members[part] = {"type": "Sequence", inner: chosen}
    words = ["<s>", "<mask>", "<b>", "thin", "[DAY]", "Hello", " <b>", "\n", "▁▁", "STRASSE", "é", "an"]
    words = [w for w in rng.sample(words, rng.randint(0, 6)) if w not in base[name]["model"]["vocab"]]
    members["added_tokens"] = [
        token(base[name], k, w, **{flag: rng.random() < 0.4 for flag in ADDED_FLAGS}) for k, w in enumerate(words)]
    if name == "unigram":
        members["model"] = {"byte_fallback": rng.random() < 0.5}
    if name == "pieces":
        members["model"] = {"byte_fallback": rng.random() < 0.5, "fuse_unk": rng.random() < 0.5}
    return (f"random {rng.random()}", name, members)


def complete(base, members):
    data = {**base, **members}
    data["model"] = {**base["model"], **members.get("model", {})}
    return data


def ids_of(data, texts):
    try:
        tokenizer = Tokenizer.from_str(json.dumps(data))
        tokenizer.no_truncation()
        tokenizer.no_padding()
    except BaseException:
        return None
    out = []
    for text in texts:
        try:
            out.append(tokenizer.encode(text, add_special_tokens=False).ids)
        except BaseException:
            out.append(None)
    return out


def apart(data, texts):
    """ids_of in a process of its own: some combinations exhaust the memory of the library."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        with os.fdopen(write, "w") as file:
            json.dump(ids_of(data, texts), file)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as file:
        answer = file.read()
    os.waitpid(pid, 0)
    return json.loads(answer) if answer else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--seed", type=int, default=20261130)
    args = parser.parse_args()
    text = lines(args.text)
    base = bases(text)
    maps = [small_charsmap(text)]
    if args.all:
        maps.append(charsmap(text, normalization_rule_name="nmt_nfkc"))
    table = rows(base, maps)
    rng = random.Random(args.seed)
    table += [by_chance(rng, base, table) for _ in range(args.random)]
    unread = 0
    with open(args.out, "w", encoding="utf8") as file:
        head = {"texts": TEXTS, "bases": base}
        file.write(json.dumps(head, ensure_ascii=False, separators=(",", ":"))[:-1] + ',"rows":[\n')
        for k, (name, which, members) in enumerate(table):
            data = complete(base[which], members)
            ids = (apart if name.startswith("random") else ids_of)(data, TEXTS)
            unread += ids is None
            chosen = range(len(TEXTS))
            if not args.all and ids is not None:
                # The texts that make it differ from the plain one, and two more.
                plain = ids_of(base[which], TEXTS)
                differs = [t for t in chosen if ids[t] != plain[t]]
                step = max(1, len(differs) // 6)
                chosen = sorted({*differs[::step][:7], k % len(TEXTS), (7 * k + 3) % len(TEXTS)})
            row = {"name": name, "base": which, "members": members}
            row["ids"] = None if ids is None else {str(t): ids[t] for t in chosen}
            file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")))
            file.write("\n]}\n" if k == len(table) - 1 else ",\n")
    print(len(table), "rows,", unread, "that the library does not load")


if __name__ == "__main__":
    main()
