// Tokens and windows against the sample's goldens, and what a user sees when they cannot be made.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { xoshiro128 } from '../analysis/random.ts';
import {
  calibrationText,
  evaluationText,
  fixturePath,
  golden,
  type SampleGolden,
  samplePath,
} from '../testing/fixtures.ts';
import { sha256OfText } from './hash.ts';
import { loadTokenizer } from './tokenizer.ts';
import { checkGivenWindows, resolveBos, sampleWindows } from './windows.ts';

const read = (folder: string, name: string): string => readFileSync(`${folder}/${name}`, 'utf8');
const load = (folder: string) =>
  loadTokenizer(read(folder, 'tokenizer.json'), read(folder, 'tokenizer_config.json'));
const sample = golden<SampleGolden>('sample');
const tokenizer = load(samplePath());
const ids = tokenizer.encode(calibrationText());
const noRandom = (): number => {
  throw new Error('drew a random number');
};

describe('tokenizer', () => {
  it('gives the golden number of tokens and decodes the golden generation', () => {
    expect(ids.length).toBe(69_009);
    expect(tokenizer.encode(evaluationText()).length).toBe(66_194);
    for (const generation of sample.generation)
      expect(tokenizer.decode(generation.greedy_ids)).toBe(generation.text);
    expect(tokenizer.decode([])).toBe('');
    expect(tokenizer.encode('')).toEqual([]);
  });

  it('knows that the sample adds no BOS by itself but has one', () => {
    expect([tokenizer.addsBos, tokenizer.bosId]).toEqual([false, 0]);
    expect(resolveBos(null, tokenizer)).toEqual({ policy: 'none', bos: null });
    expect(resolveBos('every', tokenizer)).toEqual({ policy: 'every', bos: 0 });
  });

  it('sees a BOS that the post-processor adds, and one that the config asks for', () => {
    const json = JSON.parse(read(samplePath(), 'tokenizer.json'));
    const template = (single: unknown[]) => ({
      type: 'TemplateProcessing',
      single,
      pair: single,
      special_tokens: {
        '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] },
        '</s>': { id: '</s>', ids: [1], tokens: ['</s>'] },
      },
    });
    const text = { Sequence: { id: 'A', type_id: 0 } };
    const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
    const bos = loadTokenizer(
      JSON.stringify({ ...json, post_processor: template([special('<s>'), text]) }),
      null,
    );
    expect([bos.addsBos, bos.bosId]).toEqual([true, 0]);
    expect(bos.encode('and').includes(0)).toBe(false);
    const eos = loadTokenizer(
      JSON.stringify({ ...json, post_processor: template([text, special('</s>')]) }),
      null,
    );
    expect([eos.addsBos, eos.bosId]).toEqual([false, null]);
    const config = loadTokenizer(
      JSON.stringify(json),
      '{"bos_token":{"content":"<s>"},"add_bos_token":true}',
    );
    expect([config.addsBos, config.bosId]).toEqual([true, 0]);
    expect(() => resolveBos('every', eos)).toThrow('has no beginning-of-sequence token');
  });

  it('encodes a long text in pieces with the ids of the whole', async () => {
    const long =
      calibrationText().replace(/(.{60,72}) (?=\S)/g, '$1\n') + `\n${calibrationText()}`.repeat(3);
    for (const folder of [samplePath(), fixturePath('genai-qwen2-int4-webgpu-shared')]) {
      const one = load(folder);
      const seen: number[] = [];
      const pieces = await one.encodeLong(long, async (done) => {
        seen.push(done);
      });
      expect(seen.length).toBeGreaterThan(3);
      expect(pieces).toEqual(one.encode(long));
    }
  });

  it('can be stopped between pieces', async () => {
    const stop = tokenizer.encodeLong(
      `${calibrationText()}\n${calibrationText()}`,
      async (done) => {
        if (done > 0) throw new Error('stopped');
      },
    );
    await expect(stop).rejects.toThrow('stopped');
  });

  it('says what is wrong with a missing or broken file', () => {
    const code = expect.objectContaining({ code: 'tokenizer' });
    const failure = (json: string | null, config: string | null = null): unknown => {
      try {
        loadTokenizer(json, config);
        return null;
      } catch (error) {
        return error;
      }
    };
    for (const json of [null, '{', '[]', '{}', '{"model":{"type":"Nonsense"},"added_tokens":[]}'])
      expect(failure(json)).toEqual(code);
    expect(failure(read(samplePath(), 'tokenizer.json'), 'nonsense')).toEqual(code);
  });
});

describe('windows', () => {
  const request = {
    ids,
    samples: 10,
    length: 128,
    sampler: 'even' as const,
    random: noRandom,
    bos: null,
  };

  it('gives the golden windows of the sample exactly', () => {
    const { windows, notes } = sampleWindows(request);
    expect(windows).toEqual(sample.windows);
    expect(notes).toEqual([]);
  });

  it('puts a BOS in front of L - 1 content tokens, with starts of their own', () => {
    const { windows, starts } = sampleWindows({ ...request, bos: 0 });
    expect(starts[9]).toBe(Math.floor((9 * (ids.length - 127)) / 10));
    for (const [k, window] of windows.entries()) {
      expect(window.length).toBe(128);
      expect(window).toEqual([0, ...ids.slice(starts[k], starts[k]! + 127)]);
    }
  });

  it('draws random windows that never overlap, the same for the same seed', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 400 }),
        fc.integer({ min: 2, max: 40 }),
        fc.integer({ min: 1, max: 30 }),
        fc.nat(),
        (n, l, s, seed) => {
          fc.pre(n >= l);
          const text = Array.from({ length: n }, (_, i) => i);
          const draw = () =>
            sampleWindows({
              ids: text,
              samples: s,
              length: l,
              sampler: 'random',
              random: xoshiro128(seed),
              bos: null,
            });
          const { windows, starts, notes } = draw();
          expect(draw().starts).toEqual(starts);
          expect(starts.length).toBe(Math.min(s, Math.floor(n / l)));
          expect(notes.length).toBe(starts.length < s ? 1 : 0);
          expect(windows.flat().length).toBe(new Set(windows.flat()).size);
          expect(starts.at(-1)! + l).toBeLessThanOrEqual(n);
        },
      ),
    );
  });

  it('places random windows anywhere, every placement as likely', () => {
    const text = Array.from({ length: 5 }, (_, i) => i);
    const count = new Map<string, number>();
    const random = xoshiro128(1);
    for (let i = 0; i < 6000; i++) {
      const key = sampleWindows({
        ids: text,
        samples: 2,
        length: 2,
        sampler: 'random',
        random,
        bos: null,
      }).starts.join();
      count.set(key, (count.get(key) ?? 0) + 1);
    }
    expect([...count.keys()].sort()).toEqual(['0,2', '0,3', '1,3']);
    for (const times of count.values()) expect(Math.abs(times - 2000)).toBeLessThan(150);
  });

  it('says when windows are fewer, overlap, or cannot be had', () => {
    const short = ids.slice(0, 300);
    expect(sampleWindows({ ...request, ids: short }).notes[0]).toMatch(/tokens overlap\.$/);
    const intervals = sampleWindows({ ...request, ids: short, intervals: true });
    expect(intervals.notes[0]).toMatch(/tokens overlap: intervals come out too narrow\.$/);
    expect(sampleWindows({ ...request, ids: ids.slice(0, 128) })).toMatchObject({
      starts: [0],
      notes: [expect.stringContaining('1 of the 10')],
    });
    expect(() => sampleWindows({ ...request, ids: ids.slice(0, 127) })).toThrow(
      'it has 127 tokens, one window needs 128',
    );
    expect(sampleWindows({ ...request, ids: ids.slice(0, 127), bos: 0 }).windows.length).toBe(1);
    expect(() => sampleWindows({ ...request, samples: 0 })).toThrow('not 0');
    expect(() => sampleWindows({ ...request, length: 1.5 })).toThrow('not 1.5');
  });

  it('checks windows that are given as ids', () => {
    expect(checkGivenWindows(sample.windows, 2048)).toEqual(sample.windows);
    for (const bad of [null, [], [[1]], [[1, 2], [3]], [[1, 2048]], [[1, -1]], [[1, 'a']], [1]])
      expect(() => checkGivenWindows(bad, 2048)).toThrow();
  });
});

describe('text hash', () => {
  it('is SHA-256 of the UTF-8 bytes', async () => {
    expect(await sha256OfText('abc')).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });
});
