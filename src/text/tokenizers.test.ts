// Tokenizers of every configuration against the ids of the Rust library
// (tools/make_tokenizers.py): equal, or refused by name.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EspalierError } from '../errors.ts';
import { loadTokenizer } from './tokenizer.ts';

type Model = Readonly<Record<string, unknown>>;
interface Table {
  texts: string[];
  bases: Record<string, { model: Model }>;
  rows: {
    name: string;
    base: string;
    /** Members that replace those of the base; of `model` those that are named. */
    members: Record<string, unknown> & { model?: Model };
    /** Ids by the index of the text; null where the library fails. */
    ids: Record<string, number[] | null> | null;
  }[];
}

const table = JSON.parse(
  readFileSync(new URL('testing/tokenizers.json', import.meta.url), 'utf8'),
) as Table;

/** Rows that are refused, and what of them the message names. */
const REFUSED: Record<string, RegExp> = {
  UnicodeScripts: /pre_tokenizer UnicodeScripts/,
  Unknown: /normalizer Nonsense/,
  'pattern folded': /ignores the case of "ss"/,
  'pattern newline': /\\R/,
  'Replace empty': /matches where there is no character/,
  'BPE dropout': /dropout in the model BPE/,
  'BPE unknown option': /option novel of the model BPE/,
  'BPE unk not in vocab': /no "<none>" in its vocab/,
  'Unigram alpha': /alpha in the model Unigram/,
  'Unigram no unk_id': /no unk_id, which this text needs/,
  'Unigram no unk_id byte_fallback': /no unk_id, which this text needs/,
  'WordPiece unk not in vocab': /no token "<none>"/,
  'WordLevel unk not in vocab': /no token "<none>"/,
  'added normalized the same': /"\[DAY\]" and "\[Day\]"/,
  'added with another id': /the id 1000 for the added token "<s>"/,
  'added in the gap': /the id 3 for the added token "<s>"/,
  'added unknown option': /option novel of the added token/,
};

describe('tokenizers', () => {
  it.each(table.rows.map((row) => [row.name, row] as const))('%s', (name, row) => {
    const base = table.bases[row.base]!;
    const json = { ...base, ...row.members, model: { ...base.model, ...row.members.model } };
    const refusals: string[] = [];
    const allowing = <T>(run: () => T): T | null => {
      try {
        return run();
      } catch (error) {
        if (!(error instanceof EspalierError) || error.code !== 'tokenizer') throw error;
        refusals.push(error.message);
        return null;
      }
    };
    const tokenizer = allowing(() => loadTokenizer(JSON.stringify(json), null));
    for (const [index, ids] of Object.entries(row.ids ?? {})) {
      const text = table.texts[Number(index)]!;
      const found = tokenizer && allowing(() => tokenizer.encode(text));
      if (found) expect(found, text).toEqual(ids);
      else expect(ids === null || name in REFUSED, `${refusals[0]} for ${text}`).toBe(true);
    }
    const refusal = REFUSED[name];
    if (refusal) expect(refusals[0]).toMatch(refusal);
    else expect(refusals).toEqual([]);
  });
});

describe('tokenizers of public reports', () => {
  it.each(['tokenizer-split-merged-with-next', 'tokenizer-unigram-byte-fallback'])('%s', (name) => {
    const read = (file: string): string =>
      readFileSync(new URL(`../testing/cases/${name}/${file}`, import.meta.url), 'utf8');
    const { encode } = loadTokenizer(read('tokenizer.json'), read('tokenizer_config.json'));
    const { right } = JSON.parse(read('expect.json')) as {
      right: { ids_without_special_tokens: [string, number[]][] };
    };
    expect(right.ids_without_special_tokens.length).toBeGreaterThan(2);
    for (const [text, ids] of right.ids_without_special_tokens) expect(encode(text)).toEqual(ids);
  });
});

describe('long texts', () => {
  it('are not split where words have a fixed length', async () => {
    const base = table.bases.bytes!;
    const json = {
      ...base,
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'FixedLength', length: 5 },
          { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: false },
        ],
      },
    };
    const tokenizer = loadTokenizer(JSON.stringify(json), null);
    const text = 'the sing of a things\n'.repeat(11_000);
    expect(await tokenizer.encodeLong(text, async () => {})).toEqual(tokenizer.encode(text));
  });
});
