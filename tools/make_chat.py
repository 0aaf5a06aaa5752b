"""Makes two fixture folders with a chat template of our own, and what Python transformers makes of conversations with them.

    python tools/make_chat.py --base e2e/fixtures/optimum-llama-fp32 --out <dir> --golden e2e/fixtures/golden/chat.json
    npx tsx scripts/fixtures.ts pack <dir> optimum-llama-chat optimum-llama-chat-file

optimum-llama-chat has the template in tokenizer_config.json, as one of two named ones; optimum-llama-chat-file has another in
chat_template.jinja, which wins over the one that its tokenizer_config.json also has.
"""

import argparse
import json
import shutil
from pathlib import Path

import transformers

# Own text, not taken from any model: a default system text, strict turns, trimming, a loop with its own variables.
CONFIG_TEMPLATE = """{%- if messages and messages[0]['role'] == 'system' %}
    {%- set system = messages[0]['content'] %}
    {%- set turns = messages[1:] %}
{%- else %}
    {%- set system = 'You are a gardener who answers in one sentence.' %}
    {%- set turns = messages %}
{%- endif %}
{{- bos_token }}system: {{ system | trim }}
{% for turn in turns %}
    {%- if (turn['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Turns must go user, assistant, user, and so on; turn ' ~ loop.index ~ ' is of the ' ~ turn['role'] ~ '.') }}
    {%- endif %}
    {%- if turn['role'] == 'user' %}
        {{- 'user: ' + turn['content'] | trim + '\\n' }}
    {%- else %}
        {{- 'assistant: ' + turn['content'] | trim + eos_token + '\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- 'assistant:' }}
{%- endif %}"""

FILE_TEMPLATE = """{#- Any order of turns; the system text is part of the first one. -#}
{%- macro turn(role, text) -%}
<{{ role }}>{{ text }}</{{ role }}>
{%- endmacro -%}
{%- set ns = namespace(system='') -%}
{{ bos_token }}
{%- for m in messages -%}
    {%- if m.role == 'system' -%}
        {%- set ns.system = m.content ~ '\\n\\n' -%}
    {%- else -%}
        {{- turn(m.role, (ns.system ~ m.content) if loop.first or ns.system else m.content) -}}
        {%- set ns.system = '' -%}
        {%- if m.role == 'assistant' %}{{ eos_token }}{% endif -%}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt %}<assistant>{% endif -%}
"""

S = lambda text: {"role": "system", "content": text}
U = lambda text: {"role": "user", "content": text}
A = lambda text: {"role": "assistant", "content": text}

CONVERSATIONS = {
    "one question": [U("Which branch may I cut?")],
    "own system text": [S("Answer with a number."), U("How many blocks are there?")],
    "three turns": [S("  Be brief. "), U("Hello\n"), A(" Hello, what do you grow?"), U("Pears & \"quinces\" - naïve, 梨, 🍐?")],
    "ends with an answer": [U("Why?"), A("Because.")],
    "two questions in a row": [U("One"), U("Two")],
    "answer first": [A("I begin."), U("No.")],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--golden", type=Path, required=True)
    args = parser.parse_args()

    named = [{"name": "tool_use", "template": "{{ raise_exception('not this one') }}"}, {"name": "default", "template": CONFIG_TEMPLATE}]
    folders = {
        "optimum-llama-chat": (named, None),
        "optimum-llama-chat-file": ("{{ raise_exception('the file wins') }}", FILE_TEMPLATE),
    }
    cases = []
    for name, (in_config, in_file) in folders.items():
        folder = args.out / name
        shutil.copytree(args.base, folder)
        config = json.loads((folder / "tokenizer_config.json").read_text("utf8"))
        config["chat_template"] = in_config
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", "utf8")
        if in_file is not None:
            (folder / "chat_template.jinja").write_text(in_file, "utf8")
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        for title, messages in CONVERSATIONS.items():
            for generation in (True, False):
                case = {"folder": name, "title": title, "messages": messages, "addGenerationPrompt": generation}
                try:
                    case["text"] = tokenizer.apply_chat_template(messages, add_generation_prompt=generation, tokenize=False)
                    case["ids"] = tokenizer.apply_chat_template(messages, add_generation_prompt=generation, tokenize=True)
                except Exception as error:  # the template's own words
                    case["error"] = str(error)
                cases.append(case)
    maker = f"tools/make_chat.py, transformers {transformers.__version__} apply_chat_template"
    lines = ",\n  ".join(json.dumps(case, ensure_ascii=False) for case in cases)
    args.golden.write_text(f'{{\n "maker": {json.dumps(maker)},\n "cases": [\n  {lines}\n ]\n}}\n', "utf8")


if __name__ == "__main__":
    main()
