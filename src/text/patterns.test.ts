// Which patterns of tokenizers are let through: those of known models are, those that could run
// forever are not.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fixturePath, samplePath } from '../testing/fixtures.ts';
import { backtrackingCheck } from './backtracking.ts';
import { requireSafePatterns } from './patterns.ts';

const KNOWN: Readonly<Record<string, readonly string[]>> = {
  'GPT-2': ["'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"],
  cl100k: [
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| " +
      '?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+',
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| " +
      '?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
  ],
  o200k: [
    [
      "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
      "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
      '\\p{N}{1,3}',
      ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*',
      '\\s*[\\r\\n]+',
      '\\s+(?!\\S)',
      '\\s+',
    ].join('|'),
  ],
  'Qwen 2': [
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| " +
      '?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
  ],
  'Qwen 3.5': [
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| " +
      '?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
  ],
  'DeepSeek LLM': [
    '[\\r\\n]',
    '\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗ]+',
    '\\s?[!-/:-~！-／：-～‘-‟　-。]+',
    '\\s+$',
    '[一-龥ࠀ-一가-퟿]+',
  ],
  'DeepSeek V3': [
    '\\p{N}{1,3}',
    '[一-龥぀-ゟ゠-ヿ]+',
    '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ' +
      '?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
  ],
  Tekken: [
    '[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ' +
      '?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
  ],
  'Gemma and Phi-3': [' ', '▁+', ' {2,}', '[^▁]+|▁+(?=▁)|▁', '\\n+|[^\\n]+'],
  Falcon: ['[0-9][0-9][0-9]', '\\d{3}(?=(?:\\d{3})*\\b)'],
  Bloom: [' ?[^(\\s|[.,!?…。，、।۔،])]+'],
  EXAONE: [
    '[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}',
    '(\\p{L}\\p{M}*)+',
  ],
  StarCoder: [
    '\\p{N}',
    "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  ],
  'digits from the right': ['\\p{N}{1,3}(?=(?:\\p{N}{3})*(?:\\P{N}|$))', '(?=(\\d{3})+(?!\\d))'],
  CLIP: [
    "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+",
  ],
};

const split = (Regex: string): unknown => ({
  pretokenizers: [{ type: 'Split', pattern: { Regex } }],
});

describe('patterns of tokenizers', () => {
  it.each(Object.entries(KNOWN))('of %s are let through', (_, patterns) => {
    for (const pattern of patterns)
      expect(() => requireSafePatterns(split(pattern)), pattern).not.toThrow();
  });

  it('of every fixture are let through', () => {
    const below = (folder: string): string[] =>
      readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
        if (entry.isDirectory()) return below(join(folder, entry.name));
        return entry.name === 'tokenizer.json' ? [join(folder, entry.name)] : [];
      });
    const found = [...below(fixturePath('')), ...below(samplePath())];
    expect(found.length).toBeGreaterThan(0);
    for (const path of found)
      expect(() => requireSafePatterns(JSON.parse(readFileSync(path, 'utf8'))), path).not.toThrow();
  });

  const WILD = [
    '(a+)+$',
    '((\\p{L}+)x?)*',
    '(?:a*b?)*',
    '(?:(?:x|y+)?z?)+',
    '(a{2,})+',
    '(?:\\p{L}\\p{M}*|\\p{M})+',
    '(a|a)*',
    '(a|ab)*',
    '(?:\\p{L}|\\w)+$',
    '(?:[a-m]|[l-z])+!',
    '(?i:a|A)*',
    '(?i)(?:k|\\u212A)*',
    '(aa?)*',
    '(a{1,2})*',
    '(?:a|aa){1,50}',
    '((a|aa){8}){8}',
    '(|a)*',
    '(?:.|\\n|x)*',
    '(?:\\d|[\\d_])+',
    '(?:a|[[:alpha:]])*',
    '(?<x>a)(?:\\k<x>|b)*',
    '(a|aa)'.repeat(50),
    `${'a?'.repeat(40)}${'a'.repeat(40)}`,
    `${'a*'.repeat(10)}b`,
    '('.repeat(5000),
    '(?=(a|ab)*)',
  ];

  it.each(WILD.map((pattern) => [pattern.slice(0, 40), pattern] as const))(
    'that can be read in many ways are refused: %s',
    (_, pattern) => {
      expect(backtrackingCheck()(pattern)).toMatch(/forever|deeper/);
    },
  );

  it.each([
    '(?:ab)+c*',
    '(?:a*b)*',
    '((\\p{L}+)9)*',
    '(?:(?:x|y+)?z){3,}',
    '(\\p{L}\\p{M}*){2,}',
    '(?:a|b|[^ab])*',
    '\\(a+\\)+',
    '[(a+)+]+',
    '(?:[a-m]|[n-z])+!',
    '(?:\\r\\n|\\n\\r)*',
    '(?#(a+)+)b',
    'a{,',
    'x)',
  ])('that can be read in one way are let through: %s', (pattern) => {
    expect(backtrackingCheck()(pattern)).toBeNull();
  });

  it('are told from each other, however many there are, in bounded time', () => {
    const many = Array.from({ length: 300 }, (_, k) => split(`(?:[\\p{Lu}${k}]|[\\p{Ll}_])*`));
    expect(() => requireSafePatterns(many)).toThrow(/several ways/);
    const wide = `(?:${Array.from({ length: 1500 }, (_, k) => String.fromCodePoint(0x4e00 + k)).join('|')})*`;
    expect(() => requireSafePatterns(split(wide))).toThrow(/tangled/);
  });
});
