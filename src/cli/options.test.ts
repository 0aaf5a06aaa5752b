// Words to values by the declarations of options, and what is said of wrong ones.

import { describe, expect, expectTypeOf, test } from 'vitest';
import type { Unit } from '../units.ts';
import { UsageError } from './args.ts';
import { nearestName } from './nearest.ts';
import { type Options, parseWords, type Values } from './options.ts';

const ARGUMENT = { value: 'folder', help: 'the model folder' };
const OPTIONS = {
  text: { type: 'text', value: 'file', help: 'a text', required: true },
  samples: { type: 'whole', min: 2, default: 10, value: 'n', help: 'how many' },
  stride: { type: 'whole', min: 1, max: 64, value: 'n', help: 'how far' },
  temperature: { type: 'decimal', default: 0, value: 'x', help: 'how hot' },
  device: { type: 'choice', choices: ['wasm', 'webgpu'], value: 'name', help: 'where' },
  budget: { type: 'megabytes', value: 'MB', help: 'how much' },
  remove: { type: 'units', value: 'units', help: 'what goes' },
  lock: { type: 'blocks', value: 'blocks', help: 'what stays' },
  chat: { type: 'flag', help: 'whether' },
} as const satisfies Options;

const parse = (...words: string[]) => parseWords(words, ARGUMENT, OPTIONS);
const REQUIRED = ['a', '--text', 'x'];

test('values have the types that are declared', () => {
  type Found = Values<typeof OPTIONS>;
  expectTypeOf<Found['text']>().toEqualTypeOf<string>();
  expectTypeOf<Found['samples']>().toEqualTypeOf<number>();
  expectTypeOf<Found['stride']>().toEqualTypeOf<number | undefined>();
  expectTypeOf<Found['device']>().toEqualTypeOf<'wasm' | 'webgpu' | undefined>();
  expectTypeOf<Found['remove']>().toEqualTypeOf<Unit[]>();
  expectTypeOf<Found['chat']>().toEqualTypeOf<boolean>();
});

test('what is not given has its default', () => {
  const { argument, values, given } = parse(...REQUIRED);
  expect(argument).toBe('a');
  expect(values).toEqual({
    text: 'x',
    samples: 10,
    stride: undefined,
    temperature: 0,
    device: undefined,
    budget: undefined,
    remove: [],
    lock: [],
    chat: false,
  });
  expect([...given]).toEqual(['text']);
});

test('what is given is parsed by its type', () => {
  const words = ['--samples', '3', '--temperature=.5', '--device', 'webgpu', '--budget', '2'];
  const lists = ['--remove', '3,1.attn', '--lock', '5-7', '--chat'];
  const { values, given } = parse(...words, ...REQUIRED, ...lists);
  expect(values).toMatchObject({
    samples: 3,
    temperature: 0.5,
    device: 'webgpu',
    budget: 2e6,
    remove: ['1.attn', 3],
    lock: [5, 6, 7],
    chat: true,
  });
  expect(given.has('stride')).toBe(false);
  expect(given.has('samples')).toBe(true);
  expect(parse(...REQUIRED, '--remove', '').values.remove).toEqual([]);
});

describe('wrong words are said on one line, with option, value and what is allowed', () => {
  test.each([
    [[], 'Name the model folder.'],
    [['a'], 'Give --text <file>: a text.'],
    [[...REQUIRED, 'b'], 'One folder at a time; "b" is too many.'],
    [[...REQUIRED, '--sample', '3'], 'There is no option --sample. Did you mean --samples?'],
    [[...REQUIRED, '--devcie', 'wasm'], 'There is no option --devcie. Did you mean --device?'],
    [[...REQUIRED, '--out', 'x'], 'There is no option --out.'],
    [[...REQUIRED, '-x'], 'There is no option -x.'],
    [[...REQUIRED, '--samples'], '--samples needs a value; write --samples=<n> if it begins'],
    [[...REQUIRED, '--samples', ''], '--samples needs a value; it is empty.'],
    [[...REQUIRED, '--chat=yes'], '--chat takes no value.'],
    [[...REQUIRED, '--stride', '65'], '--stride takes a whole number from 1 to 64, not "65".'],
    [[...REQUIRED, '--samples', '1'], '--samples takes a whole number of at least 2, not "1".'],
    [[...REQUIRED, '--temperature=-1'], '--temperature takes a number of at least 0, not "-1".'],
    [[...REQUIRED, '--device', 'gpu'], '--device is one of wasm, webgpu, not "gpu".'],
    [[...REQUIRED, '--budget', '1.5'], '--budget takes a whole number of at least 1, not "1.5".'],
    [[...REQUIRED, '--remove', '3.mlp'], '--remove takes units like 3,7.attn,9-11, not "3.mlp".'],
    [[...REQUIRED, '--lock', '3.attn'], '--lock takes whole blocks, not 3.attn.'],
  ])('%j', (words, message) => {
    let error: unknown;
    try {
      parse(...words);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).not.toContain('\n');
  });
});

test.each([
  ['scroe', 'score'],
  ['Score', 'score'],
  ['evaluate', 'eval'],
  ['gen', 'generate'],
  ['sarch', 'search'],
  ['export', null],
  ['x', null],
])('the name nearest to %s is %s', (written, name) => {
  expect(nearestName(written, ['inspect', 'score', 'search', 'eval', 'prune', 'generate'])).toBe(
    name,
  );
});
