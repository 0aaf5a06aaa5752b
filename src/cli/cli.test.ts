// The command line as users call it: words, exit codes, JSON on disk; numbers are the goldens.

import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Verification } from '../contract/verify.ts';
import { EspalierError } from '../errors.ts';
import { CPU_KINDS, DEFAULT_KIND, PACKAGES } from '../runtime/testing/cpuDevices.ts';
import {
  calibrationText,
  fixturePath,
  golden,
  type SampleGolden,
  samplePath,
  wholeCorpus,
} from '../testing/fixtures.ts';
import { graphPath, parseRemove, UsageError } from './args.ts';
import { type CorpusRow, corpus } from './corpus/corpus.ts';
import { prune } from './export/prune.ts';
import { inspect } from './inspect.ts';
import { type ScoreReport, score } from './score.ts';

let temporary = '';
beforeAll(() => {
  temporary = mkdtempSync(join(tmpdir(), 'espalier-cli-'));
});
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

const at = (name: string): string => join(temporary, name);
const json = <T>(name: string): T => JSON.parse(readFileSync(at(name), 'utf8')) as T;
const FP32 = ['--model', 'onnx/model.onnx'];

describe('words', () => {
  test('block lists', () => {
    expect(parseRemove('3,7,9-11')).toEqual([3, 7, 9, 10, 11]);
    expect(parseRemove('9.ffn,3,7.attn')).toEqual([3, '7.attn', '9.ffn']);
    expect(parseRemove('7.ffn,7.attn,3.attn,3')).toEqual([3, 7]);
    expect(() => parseRemove('3.mlp')).toThrow(UsageError);
    expect(parseRemove('')).toEqual([]);
    expect(() => parseRemove('3,x')).toThrow(UsageError);
    expect(() => parseRemove('9-3')).toThrow(UsageError);
    expect(() => parseRemove('0-9999999999')).toThrow(UsageError);
    expect(() => parseRemove('99999999999999999999')).toThrow(UsageError);
  });

  test('graph paths are written as the folder lists them', async () => {
    expect(graphPath('./onnx/model.onnx')).toBe('onnx/model.onnx');
    expect(graphPath('.\\onnx\\model.onnx')).toBe('onnx/model.onnx');
    expect(
      await inspect([samplePath(), '--model', './onnx/model.onnx', '--json', at('normal.json')]),
    ).toBe(0);
  });

  test.each([
    [['a', '--foo'], 'There is no option --foo.'],
    [['a', '--text'], '--text needs a value'],
    [['a', 'b', '--text', 'x'], '"b" is too many'],
    [[''], 'Name the model folder.'],
    [['a', '--text', ''], '--text needs a value; it is empty.'],
    [['a', '--text', 'x', '--samples', '0'], '--samples takes a whole number of at least 1'],
    [['a', '--text', 'x', '--seed', '-1'], '--seed needs a value'],
    [['a', '--text', 'x', '--seed=-1'], '--seed takes a whole number of at least 0'],
    [['a', '--text', 'x', '--device', 'gpu'], '--device is one of cpu, wasm, webgpu'],
    [
      ['a', '--text', 'x', '--remove', '0-9999999999'],
      '--remove takes units like 3,7.attn,9-11, not "0-9999999999"',
    ],
  ])('score %j is wrong usage, said on one line', async (words, message) => {
    const error: unknown = await score(words).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).not.toContain('\n');
  });

  test('several graphs and none named is a usage error with the list', async () => {
    await expect(inspect([samplePath()])).rejects.toThrow(/onnx\/model_q4\.onnx/);
    await expect(inspect([samplePath()])).rejects.toBeInstanceOf(UsageError);
  });

  test('a folder that is not there is an error, not a usage error', async () => {
    await expect(inspect([at('nowhere')])).rejects.toBeInstanceOf(EspalierError);
  });
});

test('inspect writes the structure', async () => {
  expect(await inspect([samplePath(), ...FP32, '--json', at('inspect.json')])).toBe(0);
  const summary = json<{
    numBlocks: number;
    params: number;
    kvBytesPerToken: number;
    blocks: { params: number }[];
  }>('inspect.json');
  const expected = golden<SampleGolden>('sample');
  expect(summary.numBlocks).toBe(16);
  expect(summary.params).toBe(expected.params);
  expect(summary.blocks[3]?.params).toBe(expected.block_params);
  expect(summary.kvBytesPerToken).toBe(8192);
});

test.each(CPU_KINDS)(
  'score on %s writes curve and plan; the numbers are PyTorch’s',
  async (kind) => {
    const expected = golden<SampleGolden>('sample');
    const text = at('calibration.txt');
    writeFileSync(text, calibrationText());
    const words = [
      samplePath(),
      ...FP32,
      '--text',
      text,
      '--remove',
      '7,9',
      '--json',
      at('score.json'),
      ...(kind === DEFAULT_KIND ? [] : ['--device', kind]),
    ];
    expect(await score(words)).toBe(0);
    const report = json<ScoreReport>('score.json');
    expect(report.windows).toEqual(expected.windows);
    expect(report.baseline.ppl).toBeCloseTo(expected.baseline_ppl, 3);
    expect(report.order).toEqual(expected.ppl_order);
    expect(report.plan?.ppl).toBeCloseTo(expected.oneshot['2'] ?? 0, 3);
    expect(report.device.kind).toBe(kind);
    expect(report.runtime).toContain(PACKAGES[kind]);
  },
);

describe('score refuses before it scores', () => {
  const windows = (rows: unknown): string => {
    writeFileSync(at('windows.json'), JSON.stringify(rows));
    return at('windows.json');
  };
  test.each([
    ['no windows', [], [], 'at least one row'],
    [
      'ragged windows',
      [
        [1, 2, 3],
        [1, 2],
      ],
      [],
      'Window 1 has 2 tokens, the first has 3.',
    ],
    ['a block that is not there', [[1, 2]], ['--remove', '16'], 'There is no block 16'],
    ['all blocks', [[1, 2]], ['--remove', '0-15'], 'all 16 blocks'],
    [
      'all attention',
      [[1, 2]],
      ['--remove', [...Array(16).keys()].map((b) => `${b}.attn`).join()],
      'No block would keep its attention',
    ],
    [
      'windows beyond the context',
      [Array<number>(513).fill(1)],
      [],
      "513 tokens are longer than this model's context of 512",
    ],
    [
      'a result file in no folder',
      [[1, 2]],
      ['--json', 'nowhere/at/all.json'],
      'cannot be written',
    ],
    ['a result file that is a folder', [[1, 2]], ['--json', '.'], 'is a folder'],
  ])('%s', async (_, rows, words, message) => {
    const error: unknown = await score([
      samplePath(),
      ...FP32,
      '--windows',
      windows(rows),
      ...words,
    ]).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(EspalierError);
    expect((error as EspalierError).message).toContain(message);
    expect((error as EspalierError).code).not.toBe('bug');
  });
});

describe('prune to a folder', () => {
  const to = (out: string): Promise<number> =>
    prune([
      fixturePath('optimum-llama-nokv'),
      '--remove',
      '1',
      '--out',
      out,
      '--json',
      at('to.json'),
    ]);

  test('what is beside it stays', async () => {
    mkdirSync(at('kept.part'));
    writeFileSync(at('kept.part/mine.txt'), 'mine');
    expect(await to(at('kept'))).toBe(0);
    expect(readFileSync(at('kept.part/mine.txt'), 'utf8')).toBe('mine');
    expect(readdirSync(temporary).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('an empty folder, such as the current one, is filled in place', async () => {
    mkdirSync(at('empty'));
    expect(await to(`${at('empty')}/.`)).toBe(0);
    expect(readdirSync(at('empty')).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(existsSync(at('empty/espalier.json'))).toBe(true);
  });

  test('a place that cannot be written is a sentence, an empty name wrong usage', async () => {
    writeFileSync(at('file'), '');
    await expect(to(`${at('file')}/pruned`)).rejects.toThrow(
      /cannot be written: a file is in the way/,
    );
    await expect(to('/proc/espalier')).rejects.toBeInstanceOf(EspalierError);
    await expect(to('')).rejects.toBeInstanceOf(UsageError);
  });

  test('a model that nothing here can run is written, unverified, and says why', async () => {
    const source = at('unrunnable');
    cpSync(fixturePath('optimum-llama-nokv'), source, { recursive: true });
    const graph = join(source, 'onnx/model.onnx');
    // An operator of the same length that no runtime has.
    const bytes = readFileSync(graph, 'latin1').replace(/Sigmoid(?=[^A-Za-z_/]|$)/g, 'Sagmoid');
    writeFileSync(graph, bytes, 'latin1');
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      expect(
        await prune([source, '--remove', '1', '--out', at('unrun'), '--json', at('unrun.json')]),
      ).toBe(0);
      const said = stderr.mock.calls
        .map(([text]) => String(text))
        .filter((text) => !text.includes('onnxruntime'));
      expect(said.some((text) => text.startsWith('The likelihood is not compared: '))).toBe(true);
    } finally {
      stderr.mockRestore();
    }
    const { verification } = json<{ verification: Verification }>('unrun.json');
    expect(verification.status).toBe('unverified');
    const loads = verification.checks.find(({ name }) => name === 'loads')!;
    expect(loads.ok).toBe(false);
    expect(loads.detail).toContain('this device cannot run the original either');
    expect(existsSync(at('unrun/espalier.json'))).toBe(true);
  });
});

test('prune writes a folder that verifies, and overwrites nothing', async () => {
  const words = [
    fixturePath('optimum-llama-nokv'),
    '--remove',
    '1,3',
    '--out',
    at('pruned'),
    '--json',
    at('prune.json'),
  ];
  expect(await prune(words)).toBe(0);
  expect(json<{ verification: { status: string } }>('prune.json').verification.status).toBe(
    'verified',
  );
  expect(JSON.parse(readFileSync(at('pruned/config.json'), 'utf8')).num_hidden_layers).toBe(3);
  await expect(prune(words)).rejects.toThrow(/not an empty folder/);
});

test('prune in float16 writes half the size and refuses what is not float32', async () => {
  const source = fixturePath('optimum-llama-fp32');
  const words = [source, '--remove', '', '--dtype', 'fp16', '--out', at('half')];
  expect(await prune([...words, '--json', at('half.json')])).toBe(0);
  const { verification, steps, summary } = json<{
    verification: { status: string };
    steps: unknown;
    summary: { dtype: string };
  }>('half.json');
  expect(verification.status).toBe('verified');
  expect(steps).toEqual([{ step: 'float16' }]);
  expect(summary.dtype).toBe('fp16');
  expect(existsSync(at('half/onnx/model_fp16.onnx_data'))).toBe(true);
  const again = [at('half'), '--remove', '1', '--dtype', 'fp16', '--out', at('half-again')];
  await expect(prune(again)).rejects.toThrow(/stored as fp16 already/);
  await expect(prune([source, '--remove', '', '--dtype', 'q3', '--out', at('q')])).rejects.toThrow(
    /dtype/,
  );
});

test('prune takes sublayers; its export is inspected, scored and pruned again', async () => {
  const windows = [[5, 6, 7, 8, 9, 10, 11, 12]];
  writeFileSync(at('some.json'), JSON.stringify(windows));
  const words = [
    fixturePath('optimum-llama-fp32'),
    '--remove',
    '0,2.attn,3.ffn',
    '--out',
    at('parts'),
    '--json',
    at('parts.json'),
  ];
  expect(await prune(words)).toBe(0);
  expect(json<{ verification: { status: string } }>('parts.json').verification.status).toBe(
    'verified',
  );
  expect(JSON.parse(readFileSync(at('parts/config.json'), 'utf8')).num_hidden_layers).toBe(3);
  expect(readFileSync(at('parts/README.md'), 'utf8')).toContain(
    '4 of 5 blocks are left, 3 of them with attention',
  );

  const plan = ['--windows', at('some.json'), '--json', at('before.json')];
  expect(
    await score([fixturePath('optimum-llama-fp32'), '--remove', '0,2.attn,3.ffn', ...plan]),
  ).toBe(0);
  expect(await score([at('parts'), '--windows', at('some.json'), '--json', at('after.json')])).toBe(
    0,
  );
  const after = json<ScoreReport>('after.json');
  expect(after.blocks.map((block) => block.refused)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  expect(after.baseline.nll).toBeCloseTo(json<ScoreReport>('before.json').plan?.nll ?? 0, 5);

  await expect(prune([at('parts'), '--remove', '1.ffn', '--out', at('again')])).rejects.toThrow(
    /only its feed-forward left/,
  );
  const again = [
    at('parts'),
    '--remove',
    '1,3.attn',
    '--out',
    at('again'),
    '--json',
    at('again.json'),
  ];
  expect(await prune(again)).toBe(0);
  const report = json<{
    verification: { status: string };
    summary: { numBlocks: number; kvBytesPerToken: number };
  }>('again.json');
  expect(report.verification.status).toBe('verified');
  expect(report.summary.numBlocks).toBe(3);
});

describe('corpus', () => {
  const FOLDERS = ['optimum-llama-nokv', 'neg-value-residual'];

  /** Runs the command on a corpus of two folders, with `change` made to its entries. */
  const run = async (
    goldens: string,
    change: Record<string, unknown> = {},
    { folders = FOLDERS, words = [] as string[] } = {},
  ): Promise<{ code: number; rows: CorpusRow[] }> => {
    const root = mkdtempSync(join(temporary, 'corpus-'));
    for (const folder of folders) symlinkSync(fixturePath(folder), join(root, folder));
    const entries = wholeCorpus().filter((entry) => FOLDERS.includes(entry.folder));
    writeFileSync(
      join(root, 'corpus.json'),
      JSON.stringify(entries.map((entry) => (entry.supported ? { ...entry, ...change } : entry))),
    );
    const code = await corpus([root, '--golden', goldens, '--json', at('corpus.json'), ...words]);
    return { code, rows: json<{ rows: CorpusRow[] }>('corpus.json').rows };
  };

  test('a supported folder holds its goldens, an obstacle is refused', async () => {
    const { code, rows } = await run(fixturePath('golden'));
    expect(rows.map((row) => [row.folder, row.opened, row.ok])).toEqual(
      expect.arrayContaining([
        ['optimum-llama-nokv', true, true],
        ['neg-value-residual', false, true],
      ]),
    );
    expect(rows.find((row) => row.opened)?.maxNllDiff).toBeLessThan(1e-4);
    expect(code).toBe(0);
  });

  test('an unexpected structure is a miss', async () => {
    const { code, rows } = await run(fixturePath('golden'), { numBlocks: 6 });
    expect(code).toBe(1);
    expect(rows.find((row) => row.expected === 'supported')?.why).toContain(
      'number of blocks is 5, expected 6',
    );
  });

  test('a missing golden is a miss', async () => {
    const { code, rows } = await run(temporary);
    expect(code).toBe(1);
    expect(rows.find((row) => row.expected === 'supported')?.why).toContain('there is no golden');
    expect(rows.find((row) => row.expected === 'supported')).not.toHaveProperty('refusal');
  });

  test('missing folders are failed rows, also where a refusal is expected', async () => {
    const { code, rows } = await run(fixturePath('golden'), {}, { folders: [] });
    expect(code).toBe(1);
    expect(rows.map((row) => [row.opened, row.ok])).toEqual([
      [false, false],
      [false, false],
    ]);
  });

  test('--model takes the place of the entry’s graph', async () => {
    const { code } = await run(
      fixturePath('golden'),
      { file: 'onnx/other.onnx' },
      { words: ['--model', './onnx/model.onnx'] },
    );
    expect(code).toBe(0);
    const wrong = await run(fixturePath('golden'), {}, { words: ['--model', 'other.onnx'] });
    expect(wrong.rows.some((row) => row.ok)).toBe(false);
  });

  test('a golden without margins is a miss', async () => {
    const changed = at('margins');
    mkdirSync(changed);
    const whole = golden<{ pruned: Record<string, unknown>[] }>('optimum-llama-nokv');
    const pruned = whole.pruned.map(({ greedyMargins, ...rest }) => rest);
    writeFileSync(join(changed, 'optimum-llama-nokv.json'), JSON.stringify({ ...whole, pruned }));
    const { code, rows } = await run(changed);
    expect(code).toBe(1);
    expect(rows.find((row) => row.expected === 'supported')?.why).toContain(
      'the golden has no greedyMargins',
    );
  });
});
