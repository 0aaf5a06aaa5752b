// How the tokenizers of GGUF files split a text into words, by the names that llama.cpp gives them,
// as the tokenizer.json of their models has it.
// Source: github.com/ggml-org/llama.cpp, src/llama-vocab.cpp (names, and patterns adapted from
// those of the models); the patterns are data of the models.

import type { JsonObject } from '../../../../json.ts';

/** What follows from the name of a tokenizer of byte-level BPE. */
export interface Words {
  normalizer: JsonObject | null;
  preTokenizer: JsonObject;
  /** A word that is a token is that token, whatever the merges. */
  ignoresMerges: boolean;
  /** Whether a text begins with the BOS token where the file does not say it. */
  addsBos: boolean;
}

const CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const SPACES = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const MARKS = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*';
const LETTERS = '[^\\r\\n\\p{L}\\p{N}]?\\p{L}+';
const UPPER = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const LOWER = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
/** Words in which capitals come first, with what may follow them. */
const cased = (end: string): string =>
  `[^\\r\\n\\p{L}\\p{N}]?${UPPER}*${LOWER}+${end}|[^\\r\\n\\p{L}\\p{N}]?${UPPER}+${LOWER}*${end}`;
const SLASHED_MARKS = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*';

const LLAMA3 = `${CONTRACTION}|${LETTERS}|\\p{N}{1,3}|${MARKS}|${SPACES}`;
const QWEN2 = `${CONTRACTION}|${LETTERS}|\\p{N}|${MARKS}|${SPACES}`;
const QWEN35 =
  `${CONTRACTION}|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}|` +
  ` ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|${SPACES}`;
const TEKKEN = `${cased('')}|\\p{N}|${SLASHED_MARKS}|${SPACES}`;
const GPT4O = `${cased(`${CONTRACTION}?`)}|\\p{N}{1,3}|${SLASHED_MARKS}|${SPACES}`;
const SEED =
  `${CONTRACTION}|${LETTERS}|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|\\s*[\\r\\n]+|` +
  '\\s+(?!\\S)|\\s+';
const MINICPM5 = `${CONTRACTION}|${LETTERS}|\\p{N}+|${MARKS}|${SPACES}`;
const DEEPSEEK3 =
  '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|' +
  '[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|' +
  SPACES;
const BLOOM = ' ?[^\\s|.,!?…。，、।۔،()]+';

const byteLevel = (words: boolean): JsonObject => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: words,
});
const split = (pattern: string): JsonObject => ({
  type: 'Split',
  pattern: { Regex: pattern },
  behavior: 'Isolated',
  invert: false,
});
/** Each by itself; `Digits` is what the models have where the words of GPT-2 follow. */
const digits = split('\\p{N}');
const NFC = { type: 'NFC' };

const sequence = (...pretokenizers: JsonObject[]): JsonObject => ({
  type: 'Sequence',
  pretokenizers,
});
const words = (preTokenizer: JsonObject, more: Partial<Words> = {}): Words => ({
  normalizer: null,
  preTokenizer,
  ignoresMerges: false,
  addsBos: false,
  ...more,
});
const patterns = (all: string[], more?: Partial<Words>): Words =>
  words(sequence(...all.map(split), byteLevel(false)), more);

const GPT2_WORDS = words(byteLevel(true));
const DIGIT_WORDS = words(sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)));
const LLAMA3_WORDS = patterns([LLAMA3], { ignoresMerges: true, addsBos: true });
const QWEN2_WORDS = patterns([QWEN2]);
const TAGGED: readonly [names: string, Words][] = [
  ['gpt-2 phi-2 gigachat a.x-4.0 mellum mpt jais trillion granite-docling exaone4', GPT2_WORDS],
  ['olmo', { ...GPT2_WORDS, normalizer: NFC }],
  ['starcoder refact command-r smollm codeshell exaone minerva-7b mellum2', DIGIT_WORDS],
  ['llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2', LLAMA3_WORDS],
  ['dbrx smaug-bpe glm4 chatglm-bpe', patterns([LLAMA3])],
  ['qwen2', { ...QWEN2_WORDS, normalizer: NFC }],
  ['deepseek-r1-qwen kormo megrez stablelm2 hunyuan solar-open grok-2', QWEN2_WORDS],
  ['qwen35', patterns([QWEN35])],
  ['tekken', patterns([TEKKEN], { ignoresMerges: true, addsBos: true })],
  ['gpt-4o llama4 kanana2', patterns([GPT4O])],
  ['seed-coder', patterns([SEED])],
  ['minicpm5', patterns(['\\p{N}{1,3}', MINICPM5], { ignoresMerges: true })],
  [
    'deepseek-v3 hunyuan-dense',
    patterns(['\\p{N}{1,3}', '[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+', DEEPSEEK3]),
  ],
  ['bloom poro-chat gpt3-finnish', patterns([BLOOM])],
  ['viking', words(sequence(split(BLOOM), digits, byteLevel(false)))],
  [
    'deepseek-coder',
    words(
      sequence(
        ...['[\\r\\n]', '\\s?\\p{L}+', '\\s?\\p{P}+', '[一-龥ࠀ-一가-퟿]+'].map(split),
        digits,
        byteLevel(false),
      ),
    ),
  ],
];

/** By the name in `tokenizer.ggml.pre`. */
export const WORDS: ReadonlyMap<string, Words> = new Map(
  TAGGED.flatMap(([names, one]) => names.split(' ').map((name) => [name, one] as const)),
);
