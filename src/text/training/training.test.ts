// Training sequences of texts and instructions: lengths, weights, what is dropped and said.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { samplePath } from '../../testing/fixtures.ts';
import { loadChat } from '../chat.ts';
import { loadTokenizer } from '../tokenizer.ts';
import { instructionFormat } from './format.ts';
import { instructionSequences } from './instructionSequences.ts';
import { readInstructions } from './instructions.ts';
import { countedPredictions, padSequence, type Sequence, textSequences } from './sequences.ts';
import { evenly, learnedWarning, splitIds, splitRows } from './split.ts';

const tokenizer = loadTokenizer(readFileSync(`${samplePath()}/tokenizer.json`, 'utf8'), null);
const CHATML =
  "{% for m in messages %}{{'<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>' + '\n'}}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const template = (source: string) =>
  loadChat(JSON.stringify({ bos_token: '<s>', chat_template: source }), null);
const noWait = async (): Promise<void> => {};
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, k) => from + k);

/** The text of the ids whose predictions count. */
const learned = ({ ids, weights }: Sequence) =>
  tokenizer.decode(ids.filter((_, k) => k > 0 && weights[k - 1] === 1));

async function written(source: string | null, rows: unknown[], length = 512) {
  const format = instructionFormat({
    tokenizer,
    template: source === null ? null : template(source),
    bos: null,
    eos: 1,
  });
  const read = readInstructions('rows.json', JSON.stringify(rows));
  return { format, ...(await instructionSequences(read, format, length, noWait)) };
}

describe('sequences of a text', () => {
  it('follow each other without a gap and drop what is left', () => {
    const found = textSequences({ ids: numbers(0, 10), length: 4, bos: null });
    expect(found.map(({ ids }) => ids)).toEqual([numbers(0, 4), numbers(4, 8)]);
    expect(found[0]?.weights).toEqual(new Float32Array([1, 1, 1]));
    const begun = textSequences({ ids: numbers(0, 10), length: 4, bos: 99 });
    expect(begun.map(({ ids }) => ids)).toEqual([
      [99, 0, 1, 2],
      [99, 3, 4, 5],
      [99, 6, 7, 8],
    ]);
    expect(() => textSequences({ ids: [1, 2], length: 4, bos: null })).toThrow(/has 2 tokens/);
    expect(() => textSequences({ ids: [1, 2], length: 1, bos: null })).toThrow(/not 1/);
  });

  it('are made longer by predictions that do not count', () => {
    const [one] = textSequences({ ids: numbers(0, 4), length: 4, bos: null });
    const padded = padSequence(one as Sequence, 6);
    expect(padded.ids).toEqual([0, 1, 2, 3, 3, 3]);
    expect([...padded.weights]).toEqual([1, 1, 1, 0, 0]);
    expect(countedPredictions([one as Sequence, padded])).toBe(6);
  });
});

describe('parts', () => {
  it('are the end of a text, or rows drawn by a seed', () => {
    expect(splitIds(numbers(0, 10), 0.3)).toEqual({ fit: numbers(0, 7), heldOut: [7, 8, 9] });
    expect(splitIds([1, 2], 0)).toEqual({ fit: [1, 2], heldOut: [] });
    const draws = [3e9, 5, 4e9];
    const { fit, heldOut } = splitRows(numbers(0, 10), 0.3, () => draws.pop() ?? 0);
    expect(heldOut).toHaveLength(3);
    expect([...fit, ...heldOut].sort((a, b) => a - b)).toEqual(numbers(0, 10));
    expect(splitRows([1, 2, 3], 0.01, () => 0).heldOut).toHaveLength(1);
    expect(() => splitRows([1], 0.5, () => 0)).toThrow(/too few rows/);
    expect(() => splitIds([1], 1)).toThrow(/below 1, not 1/);
    expect(evenly(numbers(0, 10), 4)).toEqual([0, 2, 5, 7]);
  });

  it('are compared in what is learned alone', () => {
    const common = numbers(100, 130);
    const whole = { ids: common, weights: new Float32Array(29).fill(1) };
    const answer = { ids: [...common, ...numbers(0, 20)], weights: new Float32Array(49) };
    answer.weights.fill(1, 29);
    expect(learnedWarning([whole], [whole], 'held-out part')).toMatch(/^100 % of the 13-token/);
    expect(learnedWarning([whole], [answer], 'held-out part')).toBeNull();
  });
});

describe('rows of instructions', () => {
  it('are read in the forms of data sets, as an array or one to a line', () => {
    const forms = [
      { instruction: 'Add.', input: '1 2', output: '3' },
      { instruction: 'Hi', input: '', output: 'Yo' },
      { instruction: 'Sum up.', context: 'Text', response: 'T', category: 'x' },
      { prompt: 'Hi', completion: 'Yo' },
      {
        prompt: [{ role: 'user', content: 'Hi' }],
        completion: [{ role: 'assistant', content: 'Yo' }],
      },
      { question: 'Q', answer: 'A' },
      {
        messages: [
          { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
          { role: 'assistant', content: 'Yo' },
          { role: 'user', content: 'unanswered' },
        ],
      },
      {
        conversations: [
          { from: 'human', value: 'Hi' },
          { from: 'gpt', value: 'Yo' },
        ],
      },
    ];
    const array = readInstructions('a.json', JSON.stringify(forms));
    const lines = readInstructions('a.jsonl', forms.map((row) => JSON.stringify(row)).join('\n\n'));
    expect(array.map(({ messages }) => messages)).toEqual(lines.map(({ messages }) => messages));
    expect(array.map(({ messages }) => messages.map(({ content }) => content))).toEqual([
      ['Add.\n\n1 2', '3'],
      ['Hi', 'Yo'],
      ['Sum up.\n\nText', 'T'],
      ['Hi', 'Yo'],
      ['Hi', 'Yo'],
      ['Q', 'A'],
      ['Hi', 'Yo'],
      ['Hi', 'Yo'],
    ]);
  });

  it.each([
    ['[1]', /a.json, row 1 is no object/],
    ['[]', /has no instructions/],
    ['{"a": 1}\n', /line 1 has the fields "a", but no instruction/],
    ['{"prompt": "x", "completion": "y"}\n{', /line 2 is not valid JSON/],
    ['[{"instruction": "x"}]', /row 1 has no field "output"/],
    ['[{"instruction": "x", "output": 3}]', /row 1: the field "output" is a number/],
    ['[{"question": null, "answer": "x"}]', /row 1: the field "question" is null/],
    ['[{"messages": [{"role": "user", "content": "x"}]}]', /no message of the assistant/],
    ['[{"messages": [{"role": "tool", "content": "x"}]}]', /"messages\[0\]" has the role "tool"/],
    ['[{"messages": [{"role": "assistant"}]}]', /"messages\[0\].content" is missing/],
  ])('that cannot be read are named: %s', (text, message) => {
    expect(() => readInstructions('a.json', text)).toThrow(message);
  });
});

describe('instructions as sequences', () => {
  const row = { instruction: 'Name a colour.', input: 'not red', output: 'Blue, like the sea.' };

  it('count the answer and its end alone, by the template of the model', async () => {
    const { sequences, format } = await written(CHATML, [row]);
    expect(format.note).toBeNull();
    expect(learned(sequences[0] as Sequence)).toBe('Blue, like the sea.<|im_end|>\n');
    expect(tokenizer.decode(sequences[0]?.ids ?? [])).toContain('user\nName a colour.\n\nnot red');
  });

  it('count every answer of a conversation', async () => {
    const turn = (role: string, content: string) => ({ role, content });
    const messages = [turn('user', 'a'), turn('assistant', 'First.'), turn('user', 'b')];
    const { sequences } = await written(CHATML, [
      { messages: [...messages, turn('assistant', 'Second.')] },
    ]);
    expect(learned(sequences[0] as Sequence)).toBe('First.<|im_end|>\nSecond.<|im_end|>\n');
  });

  it('start an answer where the template opens a thought that it leaves out later', async () => {
    const thinks = CHATML.replace("assistant\n' }}", "assistant\n<think>\n' }}");
    const { sequences, format } = await written(thinks, [row]);
    expect(format.note).toBeNull();
    expect(learned(sequences[0] as Sequence)).toBe('Blue, like the sea.<|im_end|>\n');
  });

  it('give a system message to the first question where the template refuses one', async () => {
    const refusal = "{{ raise_exception('no system') }}";
    const refuses = `{% if messages[0].role == 'system' %}${refusal}{% endif %}${CHATML}`;
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Yo' },
    ];
    const { sequences } = await written(refuses, [{ messages }]);
    expect(tokenizer.decode(sequences[0]?.ids ?? [])).toContain('user\nBe brief.\n\nHi');
    const twice = [...messages.slice(1, 2), ...messages.slice(1)];
    const strict =
      "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}" +
      `{{ raise_exception('must alternate') }}{% endif %}{% endfor %}${CHATML}`;
    await expect(written(strict, [row, { messages: twice }])).rejects.toThrow(
      /row 2: .*must alternate/,
    );
  });

  it.each([
    [null, /has no chat template/],
    ["{{ raise_exception('broken') }}", /broken/],
    ['{% for m in messages %}{{ m.content|upper }}{% endfor %}', /does not tell where/],
  ])('are Alpaca prompts where the template does not do: %s', async (source, why) => {
    const { sequences, format } = await written(source, [row, { question: 'Q', answer: 'A' }]);
    expect(format.note).toMatch(why);
    expect(format.note).toMatch(/Alpaca/);
    const [first, second] = sequences as [Sequence, Sequence];
    expect(learned(first)).toBe('Blue, like the sea.');
    expect(first.ids.at(-1)).toBe(1);
    expect(first.weights.at(-1)).toBe(1);
    expect(tokenizer.decode(first.ids)).toMatch(
      /context\. .*colour\.\n\n### Input:\nnot red\n\n### R/s,
    );
    expect(tokenizer.decode(second.ids)).toMatch(/task\. Write.*### Instruction:\nQ\n\n### Resp/s);
  });

  it('are cut; without a token of the answer they are dropped and counted', async () => {
    const long = { ...row, output: 'word '.repeat(100) };
    const far = { ...row, instruction: 'word '.repeat(100) };
    const found = await written(CHATML, [row, long, far, { ...row, output: '' }], 64);
    expect(found.sequences.map(({ ids }) => ids.length <= 64)).toEqual(
      found.sequences.map(() => true),
    );
    expect([found.cut, found.dropped]).toEqual([1, 2]);
    expect(found.notes.join(' ')).toMatch(/1 of 4 rows is longer than 64.*of 4 rows .*left out/);
  });
});
