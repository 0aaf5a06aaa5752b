// `bench` and `generate` as users call them: words, the JSON's form, tokens against the goldens,
// and errors that name what is wrong.

import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { EspalierError } from '../errors.ts';
import { CPU_KINDS, DEFAULT_KIND, PACKAGES } from '../runtime/testing/cpuDevices.ts';
import { fixturePath, golden, type SampleGolden, samplePath } from '../testing/fixtures.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import { decimal, UsageError } from './args.ts';
import { type GenerateReport, generate } from './generate.ts';
import { type BenchReport, bench } from './speed.ts';

let temporary = '';
beforeAll(() => {
  temporary = mkdtempSync(join(tmpdir(), 'espalier-speed-'));
});
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

const at = (name: string): string => join(temporary, name);
const json = <T>(name: string): T => JSON.parse(readFileSync(at(name), 'utf8')) as T;
const SAMPLE = [samplePath(), '--model', 'onnx/model.onnx'];
const CHAT = fixturePath('optimum-llama-chat');
const SHORT = ['--tokens', '4', '--warmup', '1', '--runs', '2'];

describe('words', () => {
  test.each([
    [bench, ['a', '--tokens', '0'], '--tokens takes a whole number of at least 1'],
    [bench, ['a', '--warmup', 'x'], '--warmup takes a whole number of at least 0'],
    [bench, ['a', '--prompt', ''], '--prompt needs a value'],
    [bench, ['a', '--prompt', 'x', '--prompt-tokens', '3'], 'not both'],
    [bench, ['a', '--device', 'gpu'], '--device is one of cpu, wasm, webgpu'],
    [bench, [samplePath()], 'Name one:'],
    [generate, ['a'], '--prompt <text>'],
    [
      generate,
      ['a', '--prompt', 'x', '--tokens', '0'],
      '--tokens takes a whole number of at least 1',
    ],
    [
      generate,
      ['a', '--prompt', 'x', '--temperature', 'hot'],
      '--temperature takes a number of at least 0',
    ],
  ])('is wrong usage %#', async (command, words, message) => {
    const error: unknown = await command(words).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toContain(message);
  });

  test('decimals', () => {
    const given = ['0.7', '.5', '2', '1e-4', '1e3'];
    expect(given.map((text) => decimal(text, 'x'))).toEqual([0.7, 0.5, 2, 1e-4, 1000]);
    for (const bad of ['-1', 'e3', '1e999', 'Infinity', ''])
      expect(() => decimal(bad, 'x')).toThrow(UsageError);
  });

  test.each([
    [bench, [...SAMPLE, ...SHORT, '--remove', '16'], 'bad-input', 'There is no block 16'],
    [
      bench,
      [...SAMPLE, '--tokens', '600', '--runs', '1', '--warmup', '0'],
      'bad-input',
      'holds 512',
    ],
    [bench, ['nowhere', ...SHORT], 'missing-file', 'nowhere'],
    [generate, [...SAMPLE, '--prompt', 'x', '--top-p', '1.5'], 'bad-input', 'Top-p'],
    [generate, [...SAMPLE, '--prompt', 'x', '--chat'], 'tokenizer', 'template'],
    [generate, [...SAMPLE, '--prompt', 'x', '--tokens', '512'], 'bad-input', 'holds 512'],
  ])('is an error with a sentence %#', async (command, words, code, message) => {
    const error: unknown = await command(words).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(EspalierError);
    expect((error as EspalierError).code).toBe(code);
    expect((error as EspalierError).message).toContain(message);
  });
});

describe('bench', () => {
  const STAT = {
    mean: expect.any(Number),
    median: expect.any(Number),
    min: expect.any(Number),
    max: expect.any(Number),
  };
  const SPEED = { ...STAT, unit: 'tokens/s' };
  const SECONDS = { ...STAT, unit: 's' };
  const VARIANT = {
    throughput: SPEED,
    latency: SECONDS,
    ttft: SECONDS,
    prefill: SPEED,
    decode: SPEED,
    load: SECONDS,
    bytes: expect.any(Number),
  };

  test('writes both variants, the gain, the settings and the device', async () => {
    const words = ['--remove', '1,3.attn', '--dtype', 'q4', '--json', at('both.json')];
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const code = await bench([...SAMPLE, ...SHORT, ...words]);
    const said = stderr.mock.calls.map(([text]) => String(text)).join('');
    stderr.mockRestore();
    expect(code).toBe(0);
    expect(said).toContain(
      'pruned: The matrices of the blocks have 4 bits, rounded to the nearest',
    );
    const report = json<BenchReport>('both.json');
    expect(report).toEqual({
      original: VARIANT,
      pruned: VARIANT,
      gain: expect.any(Number),
      gainCi95: [expect.any(Number), expect.any(Number)],
      gainIsNoise: expect.any(Boolean),
      settings: expect.objectContaining({
        mode: 'custom',
        tokens: 4,
        warmup: 1,
        runs: 2,
        batch: 1,
        removed: [1, '3.attn'],
        steps: [
          expect.objectContaining({
            step: 'quantise',
            quantisation: expect.objectContaining({
              settings: expect.objectContaining({ method: 'rtn', bits: 4 }),
            }),
          }),
        ],
        interleaved: 'runs',
      }),
      device: {
        kind: DEFAULT_KIND,
        name: expect.any(String),
        runtime: expect.stringContaining(PACKAGES[DEFAULT_KIND]),
      },
    });
    const { original, pruned } = report as {
      original: { bytes: number; throughput: { mean: number } };
      pruned: { bytes: number };
    };
    expect(report.settings.promptIds).toHaveLength(12);
    expect(pruned.bytes).toBeLessThan(original.bytes);
    expect(original.throughput.mean).toBeGreaterThan(0);
  });

  test('has no pruned variant without --remove, and takes batch and prompt', async () => {
    const words = [
      '--batch',
      '2',
      '--prompt',
      'ab',
      '--tokens',
      '1',
      '--warmup',
      '0',
      '--runs',
      '1',
      '--json',
      at('one.json'),
    ];
    expect(await bench([CHAT, ...words, '--graph-capture'])).toBe(0);
    const report = json<BenchReport>('one.json');
    expect([report.pruned, report.gain]).toEqual([null, null]);
    expect(report.original).toEqual({ ...VARIANT, decode: null });
    expect(report.settings).toMatchObject({
      batch: 2,
      prompt: 'ab',
      tokens: 1,
      removed: [],
      graph: 'onnx/model.onnx',
      graphCapture: true,
    });
  });

  test('takes spread ids where a folder has no tokenizer, and says so for a text', async () => {
    cpSync(fixturePath('genai-llama-int4-webgpu'), at('bare'), { recursive: true });
    rmSync(at('bare/tokenizer.json'));
    expect(
      await bench([at('bare'), '--prompt-tokens', '5', ...SHORT, '--json', at('ids.json')]),
    ).toBe(0);
    expect(json<BenchReport>('ids.json').settings.promptIds).toEqual([3, 242, 97, 336, 191]);
    const error: unknown = await bench([at('bare'), '--prompt', 'x', ...SHORT]).catch(
      (e: unknown) => e,
    );
    expect((error as EspalierError).code).toBe('tokenizer');
  });
});

describe('generate', () => {
  const sample = golden<SampleGolden>('sample');
  const tokenizer = loadTokenizer(readFileSync(`${samplePath()}/tokenizer.json`, 'utf8'), null);

  test.each(CPU_KINDS)(
    'gives the greedy ids of PyTorch on %s, and where original and pruned first differ',
    async (kind) => {
      const prompt = tokenizer.decode(sample.prompt_ids);
      expect(tokenizer.encode(prompt)).toEqual(sample.prompt_ids);
      const words = [
        ...SAMPLE,
        '--prompt',
        prompt,
        '--remove',
        '7,9',
        '--tokens',
        '24',
        '--json',
        at('greedy.json'),
        ...(kind === DEFAULT_KIND ? [] : ['--device', kind]),
      ];
      expect(await generate(words)).toBe(0);
      const report = json<GenerateReport>('greedy.json');
      const expected = (removed: number[]) =>
        sample.generation.find(
          (g) => g.removedUnits.length === 0 && `${g.removed}` === `${removed}`,
        );
      for (const [variant, removed] of [
        [report.original, []],
        [report.pruned, [7, 9]],
      ] as const) {
        // All margins of both are above 0.03, the logit tolerance is 0.001.
        expect(variant?.ids).toEqual(expected([...removed])?.greedy_ids);
        expect(variant?.text).toBe(expected([...removed])?.text);
        expect(variant?.done).toBe('length');
        expect(variant?.tokensPerSecond).toBeGreaterThan(0);
      }
      expect(report.divergesAt).toBe(0);
      expect(report.prompt).toEqual({ ids: sample.prompt_ids, text: prompt });
      expect(report.settings).toMatchObject({
        temperature: 0,
        tokens: 24,
        removed: [7, 9],
        chat: false,
      });
      expect(report.device.kind).toBe(kind);
    },
  );

  test('gives the greedy ids of PyTorch without sublayers', async () => {
    const wanted = sample.generation.find((g) => g.removedUnits.join() === '9.attn,8.ffn');
    const prompt = tokenizer.decode(sample.prompt_ids);
    const words = [
      ...SAMPLE,
      '--prompt',
      prompt,
      '--remove',
      '7,9.attn,8.ffn',
      '--tokens',
      '24',
      '--json',
      at('parts.json'),
    ];
    expect(await generate(words)).toBe(0);
    const report = json<GenerateReport>('parts.json');
    // The smallest margin is 0.005, the logit tolerance 0.001.
    expect(report.pruned?.ids).toEqual(wanted?.greedy_ids);
    expect(report.settings.removed).toEqual([7, '8.ffn', '9.attn']);
  });

  test('repeats a sampled text with its seed and takes the chat template', async () => {
    const words = [
      CHAT,
      '--chat',
      '--prompt',
      'Why?',
      '--tokens',
      '6',
      '--temperature',
      '1.2',
      '--top-k',
      '40',
      '--seed',
      '5',
    ];
    for (const name of ['a.json', 'b.json'])
      expect(await generate([...words, '--json', at(name)])).toBe(0);
    const [a, b] = [json<GenerateReport>('a.json'), json<GenerateReport>('b.json')];
    expect(a.original?.ids).toEqual(b.original?.ids);
    expect(a.prompt.text).toBe(
      '<bos>system: You are a gardener who answers in one sentence.\nuser: Why?\nassistant:',
    );
    expect([a.prompt.ids[0], a.pruned, a.divergesAt]).toEqual([1, null, null]);
  });
});
