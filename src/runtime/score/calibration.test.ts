// What calibrate() says of a text that the tokenizer cannot write.

import { expect, it } from 'vitest';
import { memoryFolder } from '../../onnx/testing/text.ts';
import { loadTokenizer } from '../../text/tokenizer.ts';
import { calibrate, folderTokenizer } from './calibration.ts';

const tokenizer = loadTokenizer(
  JSON.stringify({
    added_tokens: [],
    pre_tokenizer: { type: 'WhitespaceSplit' },
    model: { type: 'WordLevel', unk_token: '<unk>', vocab: { '<unk>': 0, a: 1, b: 2 } },
  }),
  null,
);
const wanted = {
  samples: 2,
  length: 8,
  sampler: 'even',
  seed: 0,
  bos: null,
  budgetBytes: 1,
} as const;
const calibrated = (text: string) =>
  calibrate({ name: 't', text }, wanted, async () => tokenizer, {
    vocabSize: 3,
    contextLength: null,
  });

it('says the share of unknown tokens beside the windows', async () => {
  const { warnings } = await calibrated('a b c d '.repeat(20));
  expect(warnings).toEqual([expect.stringMatching(/^50 % of the tokens of the calibration text/)]);
  expect((await calibrated('a b '.repeat(40))).warnings).toEqual([]);
  const given = await calibrate(
    { name: 'w', windows: [[0, 0, 0]] },
    wanted,
    async () => tokenizer,
    { vocabSize: 3, contextLength: null },
  );
  expect(given.warnings).toEqual([]);
});

it('refuses what stands for an image, in a text and in windows', async () => {
  const model = { vocabSize: 3, placeholders: [2], contextLength: null };
  for (const source of [
    { name: 't', text: 'a b '.repeat(40) },
    { name: 'w', windows: [[1, 1, 2]] },
  ])
    await expect(calibrate(source, wanted, async () => tokenizer, model)).rejects.toThrow(
      'The text has token id 2, in whose place this model takes an image',
    );
});

it('says why the tokenizer of a GGUF file could not be taken', async () => {
  const problems = [{ code: 'gguf-tokenizer', message: 'How it splits a text is not known.' }];
  await expect(folderTokenizer(memoryFolder({}), problems)).rejects.toThrow(problems[0]!.message);
  await expect(folderTokenizer(memoryFolder({}))).rejects.toThrow('has no tokenizer.json');
});
