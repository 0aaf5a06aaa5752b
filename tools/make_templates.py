"""Makes src/text/testing/templates.json: chat templates, and what Jinja2 makes of them when it is
set up as Hugging Face Transformers does.

    python tools/make_templates.py --out src/text/testing/templates.json      # jinja2==3.1.6

The time is Monday, 30 November 2026, 09:05:03. A row has a name, a template, the variables beside
those of the conversation, and its text, or null where Jinja2 fails.
"""

import argparse
import datetime
import json

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = datetime.datetime(2026, 11, 30, 9, 5, 3)

CONVERSATIONS = [
    [
        {"role": "system", "content": " Be good. "},
        {"role": "user", "content": "Hi there"},
        {"role": "assistant", "content": "\nYo "},
        {"role": "user", "content": " x "},
    ],
    [{"role": "user", "content": "What is 2 + 2?\n\nSay \"why\", it's <b>é</b> 🍣"}],
    [
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": "", "tool_calls": [
            {"type": "function", "function": {"name": "weather", "arguments": {"city": "Köln", "days": 2, "exact": True, "t": 1.5, "n": None}}}]},
        {"role": "tool", "content": "{\"temperature\": 21}", "name": "weather"},
        {"role": "assistant", "content": "<think>\nhm\n</think>\n\nIt is 21."},
        {"role": "user", "content": "Thanks"},
    ],
]
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Tells the weather.", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer", "enum": [1, 2]}}, "required": ["city"]}}}]


class Generation(Extension):
    """The tag of Transformers for what the assistant says."""

    tags = {"generation"}

    def parse(self, parser):
        lineno = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_support"), [], [], body).set_lineno(lineno)

    def _support(self, caller):
        return caller()


def environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda format: NOW.strftime(format)
    return env


# Templates as models have them, in the manner of several families.
WHOLE = {
    "chatml": """{% for message in messages %}
    {% if loop.first and message.role != 'system' %}
<|im_start|>system
You are helpful.<|im_end|>
    {% endif %}
<|im_start|>{{ message['role'] }}
{{ message['content'] }}<|im_end|>
{% endfor %}
{% if add_generation_prompt %}
<|im_start|>assistant
{% endif %}
""",
    "header ids": """{{- bos_token }}
{%- if not date_string is defined %}
    {%- set date_string = strftime_now("%d %b %Y") %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start|>system<|end|>\\n\\n" }}
{%- if tools is not none %}{{- "Environment: tools\\n" }}{%- endif %}
{{- "Today: " + date_string + "\\n\\n" + system_message + "<|eot|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start|>' + message['role'] + '<|end|>\\n\\n'+ message['content'] | trim + '<|eot|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("one call only") }}
        {%- endif %}
        {%- set call = message.tool_calls[0].function %}
        {{- '{"name": "' + call.name + '", "parameters": ' }}
        {{- call.arguments | tojson }}
        {{- "}<|eot|>" }}
    {%- elif message.role == "tool" %}
        {{- "<|start|>tool<|end|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}{{- message.content | tojson }}
        {%- else %}{{- message.content }}{%- endif %}
        {{- "<|eot|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start|>assistant<|end|>\\n\\n' }}
{%- endif %}
""",
    "tools and thoughts": """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n\\n' }}{%- endif %}
    {{- "# Tools\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}{%- set content = message.content %}{%- else %}{%- set content = '' %}{%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if '</think>' in content %}
            {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index or (loop.last and reasoning_content) %}
            {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content }}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {%- if message.tool_calls %}
            {%- for tool_call in message.tool_calls %}
                {%- if (loop.first and content) or (not loop.first) %}{{- '\\n' }}{%- endif %}
                {%- if tool_call.function %}{%- set tool_call = tool_call.function %}{%- endif %}
                {{- '<tool_call>\\n{"name": "' }}{{- tool_call.name }}{{- '", "arguments": ' }}
                {%- if tool_call.arguments is string %}{{- tool_call.arguments }}{%- else %}{{- tool_call.arguments | tojson }}{%- endif %}
                {{- '}\\n</tool_call>' }}
            {%- endfor %}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\\n<tool_response>\\n' }}{{- content }}{{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- '<|im_end|>\\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}
{%- endif %}""",
    "strict turns": """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or message.role == "tool_results" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("After the optional system message, roles must alternate") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- endif %}
{%- endfor %}
""",
    "turns": """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set first = messages[0]['content'] + '\\n\\n' %}{% set rest = messages[1:] %}{% else %}{% set first = '' %}{% set rest = messages %}{% endif %}{% for message in rest %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\\n' + (first if loop.first else '') }}{% if message['content'] is string %}{{ message['content'] | trim }}{% elif message['content'] is iterable %}{% for item in message['content'] %}{% if item['type'] == 'text' %}{{ item['text'] | trim }}{% endif %}{% endfor %}{% else %}{{ raise_exception('Invalid content type') }}{% endif %}{{ '<end_of_turn>\\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\\n'}}{% endif %}""",
    "macros of types": """{%- macro type_of(p) -%}
    {%- if p.type == "array" -%}list[{{ type_of(p['items']) }}]
    {%- elif p.enum is defined -%}Literal{{ p.enum }}
    {%- elif p.type is string -%}{{ {"string": "str", "integer": "int"}[p.type] }}
    {%- else -%}any{%- endif -%}
{%- endmacro -%}
{%- for tool in tools or [] -%}
def {{ tool.function.name }}({% for name, p in tool.function.parameters.properties.items() %}{{ name }}: {{ type_of(p) }}{{ " = None" if name not in tool.function.parameters.required }}{{ ", " if not loop.last }}{% endfor %}):
    '''{{ tool.function.description }}'''
{% endfor %}
{%- for message in messages %}{{ loop.index }}/{{ loop.length }} {{ message.role|upper }}|{{ message.content|length }};{% endfor %}""",
    "loop controls": """{% for m in messages %}
{% if m.role == 'system' %}
<system>{{ m.content | trim }}
{% continue %}
{% endif %}
<{{ m.role }}>{{ m.content | trim }}
{% if loop.index >= 3 %}
stop
{% break %}
{% endif %}
after
{% endfor %}
done""",
    "generation": """{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}A:{{ m.content }}{% set seen = 1 %}{% endgeneration %}{{ seen is defined }}{% else %}
  {%- generation -%}  U:{{ m.content | trim }}  {%- endgeneration %}
{% endif %}{% endfor %}""",
}

SNIPPETS = {
    # Loop controls.
    "break keeps text": "{% for i in range(5) %}[{{ i }}{% if i == 2 %}!{% break %}{% endif %}]{% endfor %}.",
    "continue keeps text": "{% for i in range(4) %}[{{ i }}{% if i is odd %}-{% continue %}{% endif %}]{% endfor %}.",
    "break of the inner loop": "{% for i in range(3) %}<{% for j in range(3) %}{{ j }}{% if j == i %}{% break %}{% endif %},{% endfor %}>{% endfor %}",
    "continue in nested ifs": "{% for i in range(6) %}{% if i > 1 %}a{% if i < 4 %}b{% continue %}{% endif %}c{% endif %}{{ i }}{% endfor %}",
    "break in with and filter": "{% for i in range(3) %}{% with x = i %}{{ x }}{% if x == 1 %}{% break %}{% endif %}{% endwith %}{% filter upper %}a{% endfilter %}{% endfor %}",
    "break in a filter block": "{% for i in range(3) %}x{% filter upper %}lost{% break %}{% endfilter %}y{% endfor %}z",
    "break and else": "{% for i in range(2) %}{{ i }}{% break %}{% else %}none{% endfor %}|{% for i in [] %}{{ i }}{% else %}none{% endfor %}",
    "break outside": "{% break %}",
    "set before continue": "{% set ns = namespace(n=0) %}{% for i in range(5) %}{% set ns.n = ns.n + i %}{% if i == 3 %}{% continue %}{% endif %}{{ ns.n }} {% endfor %}{{ ns.n }}",
    # Loops.
    "loop variables": "{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }} {{ loop.previtem.role if loop.previtem is defined }}>{{ loop.nextitem.role if not loop.last }}\n{% endfor %}",
    "loop cycle changed": "{% for i in [1,1,2,2,3] %}{{ loop.cycle('a','b') }}{{ i if loop.changed(i) }}{% endfor %}",
    "loop filter": "{% for m in messages if m.role == 'user' %}{{ loop.index }}{{ m.content }}{% else %}no{% endfor %}",
    "loop over mapping": "{% for k in messages[0] %}{{ k }} {% endfor %}{% for k, v in messages[0].items() %}{{ k }}={{ v }};{% endfor %}",
    "loop over text": "{% for c in 'aé🍣' %}({{ c }}){% endfor %}",
    "loop over none": "{% for c in none %}{{ c }}{% endfor %}",
    "loop over undefined": "{% for c in nothing %}{{ c }}{% else %}none{% endfor %}",
    "loop scope": "{% set x = 1 %}{% for i in range(3) %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}",
    "loop scope inner": "{% for i in range(3) %}{% if i == 0 %}{% set y = 'y' %}{% endif %}[{{ y }}]{% endfor %}[{{ y }}]",
    "loop unpacking": "{% for a, (b, c) in [(1, (2, 3)), [4, [5, 6]]] %}{{ a }}{{ b }}{{ c }} {% endfor %}",
    "loop in loop": "{% for i in range(2) %}{% set outer = loop %}{% for j in 'ab' %}{{ outer.index }}{{ j }}{{ loop.depth }} {% endfor %}{% endfor %}",
    "loop recursive": "{% for i in [[1],[2]] recursive %}{{ loop(i) if i is iterable else i }}{% endfor %}",
    "none in inner scopes": "{% set n = none %}{% for i in [none, 1] %}{{ n is none }}{{ tools is none }}{{ documents is none }}{{ i is none }}{{ (loop.previtem is none) if not loop.first }}{% endfor %}{% macro f(a, b=1) %}{{ a }}{{ b }}{{ documents is none }}{% endmacro %}{{ f(none, none) }}{{ f(b=none, a=2) }}",
    "none as a value": "{% set ns = namespace(a=none) %}{{ ns.a is none }}{{ ns.a is defined }}{{ {'k': none}.k is none }}{{ {'k': none}['k'] is none }}{{ {'k': none}.get('k', 1) }}{{ [none] | first is none }}{{ [none] | last is none }}{{ [none] | max is none }}{{ nothing | default(none) is none }}{{ nothing | default(none) }}{{ 'x' | int(none) }}{{ [1, none] | join(',') }}{{ [none][0] is none }}{{ dict(a=none).a is none }}",
    "loop over tuple": "{% for i in 1, 2, 3 %}{{ i }}{% endfor %}",
    # White space.
    "trim blocks": "a\n{% if true %}\nb\n{% endif %}\nc\n",
    "lstrip blocks": "a\n    {% if true %}\n   b\n\t {% endif %}  \nc",
    "lstrip not variables": "  {{ 1 }}\n  {{ 2 }}",
    "lstrip after text": "x  {% if true %}y{% endif %}",
    "plus keeps": "a\n  {%+ if true +%}\nb{%+ endif %}\nc",
    "minus takes": "a  \n {%- if true -%} \n b \n {%- endif -%} \n c",
    "comments": "a\n  {# note #}\nb {#- x -#} c{# {{ no }} #}\n\nd",
    "comment then text": "{# c #}\n{# d #}x\n  {#+ e #}\ny",
    "variable minus": "a  {{- 1 -}}  b {{ 2 }} c",
    "carriage returns": "a\r\n{% if true %}\r\nb\r\n{% endif %}\r\n",
    "no trailing newline": "a\n\n",
    "percent brace in a text": "{{ '%}' }}{{ '{{ x }}' }}{% set a = '{% b %}\n' %}{{ a }}x",
    "newline after a text's end": "{{ 'a' }}\n{{ 'b -%}' }}\n x",
    "blank lines in a loop": "{% for i in range(2) %}\n\n  {{ i }}\n  {% endfor %}\n.",
    "raw": "{% raw %}\n{{ x }} {% if %}{% endraw %}\n  {%- raw -%}  y  {%- endraw %} z",
    "unicode white space": "\u3000{%- if true %}x\u00a0{%- endif %}|{{ '\u3000 a\x1f ' | trim }}|{{ '\ufeffa' | trim | length }}",
    # Texts of values.
    "constants": "{{ true }} {{ True }} {{ none }} {{ None }} {{ false }} {{ 1 }} {{ 1.0 }} {{ 2.50 }} {{ 1e20 }} {{ 1e-7 }} {{ -0.0 }}",
    "lists": "{{ [1, 'a', \"it's\", '\"', none, true, 1.5, ['x\\n']] }} {{ [] }} {{ () }} {{ (1,) }} {{ (1, 2) }}",
    "mappings": "{{ {'a': 1, 'b': [2, {'c': none}]} }} {{ {} }} {{ messages[0] }}",
    "undefined text": "[{{ nothing }}] {{ [nothing] }} {{ nothing is defined }} {{ nothing | default('d') }}",
    "undefined attribute": "{{ messages[0].nothing }}|{{ messages[9] }}|{{ messages[0].nothing.more }}",
    "views": "{{ messages[0].keys() }} {{ messages[0].values() | list }} {{ messages[0].items() | list }}",
    "concat": "{{ 'a' ~ 1 ~ none ~ true ~ 1.5 ~ [1] ~ nothing }} {{ 'a' ~ 1 + 2 }} {{ 1 + 2 ~ 3 }}",
    # Operators.
    "plus of text and number": "{{ 'a' + 1 }}",
    "plus of undefined": "{{ 'a' + nothing }}",
    "plus of none": "{{ 'a' + none }}",
    "arithmetic": "{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 4 / 2 }} {{ 2 ** 3 }} {{ 2 ** -1 }} {{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 1 + 2 * 3 - 4 }} {{ 3.0 * 2 }} {{ true + 1 }} {{ 5.5 // 2 }} {{ 5.5 % 2 }}",
    "division by zero": "{{ 1 / 0 }}",
    "repeat": "{{ 'ab' * 3 }} {{ [1] * 2 }} {{ 2 * '-' }}",
    "comparison chain": "{{ 1 < 2 < 3 }} {{ 3 > 2 > 2 }} {{ 1 == 1.0 == true }} {{ 1 < 2 == true }}",
    "comparison of kinds": "{{ 1 == '1' }} {{ none == false }} {{ [1, 2] == [1, 2] }} {{ {'a': 1} == {'a': 1} }} {{ (1,) == [1] }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ nothing == other }} {{ nothing == none }}",
    "comparison without order": "{{ 1 < 'a' }}",
    "membership": "{{ 'a' in 'abc' }} {{ 'x' not in ['x'] }} {{ 'role' in messages[0] }} {{ 1 in [1.0] }} {{ [1] in [[1]] }} {{ 'a' in nothing }} {{ none in [none] }} {{ 'k' in {} }}",
    "membership of number in text": "{{ 1 in 'a1' }}",
    "logic": "{{ 1 and 0 or 'x' }} {{ not 1 }} {{ not nothing }} {{ '' or none }} {{ [] and 1 }} {{ not not 'a' }} {{ not 1 == 2 }}",
    "inline if": "{{ 'a' if 1 }}{{ 'b' if 0 }}|{{ 'c' if 0 else 'd' if 1 else 'e' }}|{{ ('x' if none else 'y') + 'z' }}",
    "filter precedence": "{{ 'a' + 'b' | upper }} {{ -3 | abs }} {{ ('a' + 'b') | upper }} {{ 'a' | upper + 'b' }} {{ 1 + '2' | int }} {{ 'x' | upper is upper }}",
    "slices": "{{ 'abcdef'[1:4] }} {{ 'abcdef'[::-1] }} {{ 'abcdef'[-2:] }} {{ [1,2,3,4][::2] }} {{ [1,2,3][-1] }} {{ [1,2,3][5:] }} {{ [1,2,3][:-1] }} {{ (1,2,3)[1:] }} {{ 'aé🍣b'[2] }} {{ [1,2,3,4,5][4:1:-2] }} {{ 'ab'[:] }}",
    "subscripts": "{{ messages[0]['role'] }} {{ messages.0.role }} {{ messages[-1].role }} {{ 'abc'[0] }} {{ {'a': 1}['a'] }} {{ {'a': 1}.a }} {{ {1: 'x'}[1] }} {{ messages['x'] }}",
    "a key named like a method": "{{ {'items': 1}['items'] }} {{ {'items': 1}.items() | list }} {{ {'get': 2}.get('get') }}",
    "strings": "{{ 'a' 'b' }} {{ 'it\\'s' }} {{ \"\\u00e9\\x41\\n\\t\\\\\" }}|{{ 'a\\qb' }}",
    "parentheses": "{{ (1, 2)[0] }} {{ ((1)) }} {{ [(1, 2), (3,)] }} {{ {'a': (1, 2),} }} {{ [1, 2,] }}",
    # Tests.
    "tests": "{{ 1 is integer }} {{ 1.0 is float }} {{ true is integer }} {{ true is number }} {{ 'a' is string }} {{ [] is sequence }} {{ {} is sequence }} {{ {} is mapping }} {{ 'a' is iterable }} {{ 1 is iterable }} {{ none is none }} {{ nothing is undefined }} {{ true is boolean }} {{ true is true }} {{ 1 is true }} {{ 0 is false }} {{ range is callable }} {{ nothing is iterable }} {{ nothing is none }} {{ {} is iterable }}",
    "tests with arguments": "{{ 6 is divisibleby(3) }} {{ 6 is divisibleby 4 }} {{ 1 is eq 1 }} {{ 1 is eq(2) }} {{ 2 is gt 1 }} {{ 'a' is in ['a'] }} {{ 1 is ne 1 }} {{ none is sameas none }} {{ 1 is not eq 2 }} {{ 2 is odd }} {{ 2 is even }} {{ 'a' is lower }} {{ 'A1' is upper }} {{ 3 is ge 3 and 3 is le 3 }}",
    "unknown test": "{{ 1 is novel }}",
    "test then logic": "{{ nothing is defined and nothing.x }} {{ messages is not none and messages | length > 0 }} {{ nothing is not defined or 1 }}",
    # Filters.
    "text filters": "{{ 'hello world-foo BAR' | title }} {{ 'hELLO wORLD' | capitalize }} {{ ' x ' | trim }}| {{ 'xxaxx' | trim('x') }} {{ 'aBc' | lower }} {{ 'a b  c' | wordcount }} {{ 'ab' | center(6) }}| {{ 'a-b-c' | replace('-', '+') }} {{ 'a-b-c' | replace('-', '+', 1) }} {{ 'abc' | reverse }} {{ 'abc' | length }} {{ 12 | string + '3' }} {{ 'é🍣' | length }}",
    "indent": "{{ 'a\\nb\\n\\nc' | indent }}|{{ 'a\\nb' | indent(2, true) }}|{{ 'a\\n\\nb' | indent(width=1, blank=true) }}|{{ 'a\\nb\\n' | indent('> ') }}|",
    "numbers": "{{ '42' | int }} {{ 'x' | int }} {{ 'x' | int(-1) }} {{ '4.7' | int }} {{ 4.7 | int }} {{ -4.7 | int }} {{ '1.5' | float }} {{ 2 | float }} {{ 'x' | float }} {{ 2.5 | round }} {{ 3.5 | round }} {{ 2.2 | round | int }} {{ 2.1 | round(0, 'ceil') }} {{ -3 | abs }} {{ -1.5 | abs }} {{ true | int }} {{ ' 7 ' | int }} {{ none | int }}",
    "list filters": "{{ [3,1,2] | sort }} {{ ['b','A','c'] | sort }} {{ ['b','A'] | sort(case_sensitive=true) }} {{ [1,2] | sort(reverse=true) }} {{ [1,2,3] | first }} {{ [1,2,3] | last }} {{ [1,2,3] | sum }} {{ [3,1] | max }} {{ ['b','A'] | min }} {{ [1,1,2] | unique | list }} {{ [1,2,3] | reverse | list }} {{ 'ab' | list }} {{ [1,2,3] | join('-') }} {{ ['a', none, 1.5] | join }} {{ [[1,2],[3]] | sum(start=[]) }} {{ [1,2,3,4,5] | batch(2) | list }} {{ [1,2,3] | batch(2, 0) | list }}",
    "attributes": "{{ messages | map(attribute='role') | join(',') }} {{ messages | map(attribute='nothing', default='?') | list }} {{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list }} {{ messages | rejectattr('role', 'in', ['user', 'system']) | list | length }} {{ messages | selectattr('content') | list | length }} {{ messages | sort(attribute='content') | map(attribute='role') | list }} {{ messages | map(attribute='content') | map('trim') | list }} {{ [1,2,3,4] | select('odd') | list }} {{ [1,2,3] | reject('gt', 2) | list }} {{ ['a','b'] | map('upper') | join }} {{ messages | selectattr('tool_calls', 'defined') | list | length }} {{ ['ab','c'] | map('replace', 'a', 'x') | list }}",
    "generators": "{% set g = [1,2,3] | map('string') %}{{ g | join }}|{{ g | join }}|{{ 'yes' if [] | select }}|{{ ([1,2] | select('odd')) | first }}",
    "length of a generator": "{{ [1,2] | select('odd') | length }}",
    "text of a generator": "{{ [1] | select('odd') | string | length > 5 }}",
    "mapping filters": "{{ {'b': 1, 'A': 2} | dictsort }} {{ {'b': 1, 'a': 2} | dictsort(by='value', reverse=true) }} {{ {'a': 1} | items | list }} {{ {'b': 1, 'a': 2} | list }} {{ {'b': 1} | length }} {{ nothing | items | list }}",
    "default": "{{ nothing | default }}|{{ '' | default('x') }}|{{ '' | default('x', true) }}|{{ none | default('x') }}|{{ none | d('x', boolean=true) }}|{{ messages[0].nothing | default('y') }}",
    "empty": "{{ [] | first }}|{{ [] | last }}|{{ [] | max }}|{{ [] | sum }}|{{ [] | join(',') }}|{{ '' | first }}",
    "safe and escape": "{{ '<b>' | safe }}{{ '<b>' }}",
    "escape": "{{ '<b>' | escape }}",
    "unknown filter": "{{ 1 | novel }}",
    "unknown filter not reached": "{% if false %}{{ 1 | novel }}{% endif %}x",
    "format": "{{ '%s-%d-%05d-%.2f%%' | format('a', 3, 42, 1.005) }} {{ 'x%sy' % 1 }} {{ '%s %s' % ('a', none) }} {{ '{} {1} {n}'.format('a', 'b', n=3) if false else '{0}{1}{n}'.format('a', 'b', n=3) }} {{ '{}-{}'.format(1, none) }}",
    "tojson": "{{ tools | tojson }}\n{{ messages | tojson }}",
    "tojson indent": "{{ tools | tojson(indent=2) }}\n{{ {} | tojson(indent=2) }} {{ [] | tojson(indent=4) }} {{ [1, {'a': []}] | tojson(indent=1) }}",
    "tojson options": "{{ {'b': 'é🍣', 'a': [1, 2]} | tojson(ensure_ascii=true) }} {{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }} {{ {'b': [1, 2]} | tojson(separators=(',', ':')) }} {{ 'a\"\\\\\\n\x7f</script>' | tojson }} {{ 1.0 | tojson }} {{ none | tojson }} {{ (1, 2) | tojson }} {{ {1: true, none: 1} | tojson }} {{ [1] | tojson(indent=0) }} {{ [1] | tojson(indent='\t') }} {{ 1e16 | tojson }}",
    "tojson of undefined": "{{ nothing | tojson }}",
    # Methods.
    "text methods": "{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a b c'.split(' ', 1) }} {{ ' a  b c '.split(none, 1) }} {{ ' a  b '.split(none, 1) }} {{ ' a  b '.rsplit(none, 1) }} {{ ' a '.split(none, 1) }} {{ ' a '.split(none, 0) }} {{ 'a.b.c'.rsplit('.', 1) }} {{ 'abc'.startswith('ab') }} {{ 'abc'.endswith(('x', 'c')) }} {{ 'aXbX'.replace('X', '') }} {{ 'aaa'.replace('a', 'b', 2) }} {{ 'xxaxx'.strip('x') }} {{ 'xxa'.lstrip('x') }} {{ 'axx\n'.rstrip() }} {{ 'abc'.find('c') }} {{ 'abc'.find('z') }} {{ 'abcb'.count('b') }} {{ '-'.join(['a', 'b']) }} {{ 'hello wORLD it\\'s'.title() }} {{ 'aB'.upper() }} {{ 'aB'.lower() }} {{ 'hELLO'.capitalize() }}",
    "more text methods": "{{ 'a\nb\r\nc\n'.splitlines() }} {{ 'a=b=c'.partition('=') }} {{ 'a=b=c'.rpartition('=') }} {{ 'prefix-x'.removeprefix('prefix-') }} {{ 'x.txt'.removesuffix('.txt') }} {{ '7'.zfill(3) }} {{ '-7'.zfill(4) }} {{ 'a'.ljust(3, '.') }} {{ 'a'.rjust(3) }} {{ 'ab'.center(5, '*') }} {{ 'a1'.isalnum() }} {{ '12'.isdigit() }} {{ ''.isalpha() }} {{ 'AB'.isupper() }} {{ ' '.isspace() }} {{ 'aé🍣'.index('🍣') }} {{ 'abcabc'.rfind('b') }} {{ 'a b  c'.rsplit(none, 1) }} {{ 'ab'.replace('', '-') }}",
    "mapping methods": "{{ messages[0].get('role') }} {{ messages[0].get('x') }} {{ messages[0].get('x', 'd') }} {{ messages[0].keys() | list }} {{ {'a': 1}.items() | first }} {{ {'a': 1}.values() | sum }} {{ {'a': 1}.copy() }}",
    "list methods": "{{ [1, 2, 1].count(1) }} {{ [1, 2].index(2) }}",
    "list append": "{% set a = [] %}{{ a.append(1) }}{{ a }}",
    "mapping update": "{% set a = {} %}{% set _ = a.update({'x': 1}) %}{{ a }}",
    "private attribute": "{{ ''.__class__ }}",
    # Names and blocks.
    "set block": "{% set x %}\n a {{ 1 }}\n{% endset %}[{{ x }}]{% set y | upper | trim %} b {% endset %}[{{ y }}]",
    "set several": "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set c = 1, 2 %}{{ c }}{% set (d, e) = [3, 4] %}{{ d }}{{ e }}",
    "set too few": "{% set a, b = [1] %}",
    "namespace": "{% set ns = namespace(a=1, b='x') %}{% for i in range(3) %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c is defined }}{% set ns.c = [1] %}{{ ns.c }}{% set ns2 = namespace({'k': 2}) %}{{ ns2.k }}{{ ns['a'] }}",
    "attribute of no namespace": "{% set m = {} %}{% set m.x = 1 %}",
    "macro": "{% macro f(a, b=2, c='x') %}({{ a }}{{ b }}{{ c }}){% endmacro %}{{ f(1) }}{{ f(1, c=3) }}{{ f(b=1, a=0) }}{{ f() }}",
    "macro with too many": "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}",
    "macro with unknown name": "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(b=2) }}",
    "macro varargs": "{% macro f(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, 3, x=4) }}{{ f(*[1, 2], **{'y': 5}) }}",
    "macro scope": "{% set x = 1 %}{% macro f() %}{{ x }}{% set x = 5 %}{% endmacro %}{% macro g() %}{{ x }}{% endmacro %}{{ g() }}{% set x = 2 %}{{ g() }}{{ x }}",
    "macro recursion": "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
    "macro default of another": "{% macro f(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}",
    "macro text": "{% macro f() %} x {% endmacro %}[{{ f() | trim }}]{{ f() | length }}{{ f() + 'y' }}",
    "macro in a loop": "{% for i in range(2) %}{% macro f() %}{{ i }}{% endmacro %}{{ f() }}{% endfor %}{{ f is defined }}",
    "macro before its place": "{{ f() }}{% macro f() %}{% endmacro %}",
    "call block": "{% macro box(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}{% call box('b') %}in{{ 1 }}{% endcall %}",
    "call block with arguments": "{% macro each(l) %}{% for i in l %}{{ caller(i, loop.index) }}{% endfor %}{% endmacro %}{% call(x, n=0) each(['a','b']) %}{{ n }}{{ x }};{% endcall %}",
    "call block without caller": "{% macro f() %}x{% endmacro %}{% call f() %}y{% endcall %}",
    "filter block": "{% filter upper %}a{{ 'b' }}{% endfilter %}{% filter trim | replace('x', 'y') %} xax {% endfilter %}",
    "with": "{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a is defined }}{% set a = 5 %}{% with b = a %}{% set a = 6 %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "if else": "{% if 0 %}a{% elif '' %}b{% elif [0] %}c{% else %}d{% endif %}{% if nothing %}x{% endif %}{% if 1, %}t{% endif %}",
    "if scope": "{% if true %}{% set a = 1 %}{% endif %}{{ a }}",
    "call of nothing": "{{ nothing() }}",
    "call of a text": "{{ 'a'() }}",
    "unknown tag": "{% novel %}",
    "include": "{% include 'x' %}",
    "no end": "{% if true %}x",
    "no end of a tag": "{{ x ",
    "wrong end": "{% if true %}{% endfor %}",
    "raise": "{{ raise_exception('Roles must alternate!') }}",
    "raise not reached": "{{ 'fine' if true else raise_exception('no') }}",
    "range": "{{ range(3) | list }} {{ range(1, 7, 2) | list }} {{ range(3, 0, -1) | list }} {{ range(0) | list }}",
    "dict": "{{ dict(a=1, b='x') }} {{ dict({'c': 1}, d=2) }} {{ dict([('e', 1)]) }}",
    "time": "{{ strftime_now('%Y-%m-%d %H:%M:%S %d %B %b %A %a %j %y %I %p %%') }}",
    "special tokens": "{{ bos_token }}{{ eos_token }}{{ bos_token + 'x' }}{{ pad_token is defined }}{{ add_generation_prompt }}",
    "tools given": "{{ tools is none }} {{ tools | length if tools }} {{ documents is defined }} {% if tools is not none and tools %}t{% endif %}",
    "unicode names": "{% set été = 1 %}{{ été }}",
    "last message": "{{ messages[-1]['content'] }}{{ messages | last | length }}{{ (messages | last).role }}{{ messages[messages | length - 1].role }}",
    "nested conditions": "{% for m in messages %}{% if m.content is string and m.content | trim %}{% if not loop.first %}\n{% endif %}{{ m.role[0] | upper }}: {{ m.content | trim | replace('\\n', ' ') }}{% endif %}{% endfor %}",
    "do tag": "{% do messages %}",
    "line of comments": "## not a comment\n# for x\n{{ 1 }}",
    "float as index": "{{ [1,2][1.0] }}",
    "boolean as index": "{{ [1,2][true] }}",
    "negative zero": "{{ -0 }} {{ 0 * -1.0 }}",
    "large numbers": "{{ 9007199254740991 + 1 }}",
    "sum of floats": "{{ 0.1 + 0.2 }} {{ 1 / 3 }} {{ 1e300 * 10 }} {{ 100000000000000000000.0 }} {{ 123456789.125 }}",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    env = environment()
    rows = []
    for group, many in [(WHOLE, True), (SNIPPETS, False)]:
        for name, template in group.items():
            for k, messages in enumerate(CONVERSATIONS):
                for tools in [None, TOOLS]:
                    if not many and (k > 0 or tools is None) and name not in ("nested conditions", "tools given"):
                        continue
                    given = {"tools": tools, "add_generation_prompt": k != 1}
                    try:
                        text = env.from_string(template).render(
                            messages=messages, documents=None, bos_token="<s>", eos_token="</s>", **given)
                    except Exception as error:
                        text = None
                        reason = f"{type(error).__name__}: {error}"
                        print(name, "|", reason[:100])
                    rows.append({"name": name, "conversation": k, "tools": tools is not None, "text": text})
    templates = {**WHOLE, **SNIPPETS}
    with open(args.out, "w", encoding="utf8") as file:
        head = {"now": NOW.isoformat(), "conversations": CONVERSATIONS, "tools": TOOLS, "templates": templates}
        file.write(json.dumps(head, ensure_ascii=False, separators=(",", ":"))[:-1] + ',"rows":[\n')
        file.write(",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows))
        file.write("\n]}\n")
    print(len(rows), "rows,", len(templates), "templates")


if __name__ == "__main__":
    main()
