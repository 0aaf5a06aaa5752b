// The command that quantises as users call it: words, exit codes, JSON, the folder that is written;
// and its options as a last step of other commands.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  calibrationText,
  evaluationText,
  fixturePath,
  golden,
  samplePath,
} from '../../testing/fixtures.ts';
import { UsageError } from '../args.ts';
import { prune } from '../export/prune.ts';
import { heal } from '../heal/heal.ts';
import { run } from '../run.ts';
import { type QuantiseReport, quantise } from './quantise.ts';
import { quantiseLines } from './report.ts';

let temporary = '';
beforeAll(() => {
  temporary = mkdtempSync(join(tmpdir(), 'espalier-quantise-'));
  writeFileSync(at('text.txt'), calibrationText().slice(0, 6000));
  writeFileSync(at('other.txt'), evaluationText().slice(0, 1500));
  writeFileSync(at('short.txt'), 'A few words.');
  writeFileSync(at('rows.jsonl'), '{"instruction": "a", "output": "b"}\n');
  mkdirSync(at('full'));
  writeFileSync(at('full/file'), '');
});
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

const at = (name: string): string => join(temporary, name);
const LOSSES = golden<Record<string, { intact: { windows: number[] } }>>('quantise-losses');
const SAMPLE = [samplePath(), '--model', 'onnx/model.onnx'];
const words = (line: string): string[] =>
  line.split(' ').map((word) => (/\.(txt|jsonl|json)$|^(out|full)$/.test(word) ? at(word) : word));

test('the golden losses, several precisions in one folder, verified', async () => {
  const line = '--dtype keep,q4 --block 32 --out out --json q4.json';
  const text = [
    '--text',
    fileURLToPath(new URL('../../../public/text/calibration.txt', import.meta.url)),
  ];
  expect(await run(['quantize', ...SAMPLE, ...text, ...words(line)])).toBe(0);
  const report = JSON.parse(readFileSync(at('q4.json'), 'utf8')) as QuantiseReport;
  const { measured, matrices, bytes, quantisation } = report.results[0]!;
  // ONNX Runtime's own quantiser and PyTorch: rtn-asymmetric-32 of tools' golden.
  expect(measured.map(({ set, predicted }) => [set, predicted])).toEqual([['windows', 1270]]);
  expect(Math.abs(measured[0]!.original.nll - 3.7198514)).toBeLessThan(1e-4);
  expect(Math.abs(measured[0]!.quantised!.nll - 3.7328063)).toBeLessThan(1e-4);
  for (const [of, part] of [
    ['float32', 'original'],
    ['rtn-asymmetric-32', 'quantised'],
  ] as const) {
    const windows = measured[0]![part]!.nllPerWindow!;
    const expected = LOSSES[of]!.intact.windows;
    expect(windows.map((nll, k) => Math.abs(nll - expected[k]!) < 1e-4)).toEqual(
      expected.map(() => true),
    );
  }
  expect(measured[0]!.quantised!.ppl).toBeCloseTo(Math.exp(3.7328063), 2);
  expect(measured[0]).toMatchObject({ pruned: null, healed: null });
  expect(matrices.filter(({ form }) => form === 4).length).toBe(80);
  expect(quantisation).toMatchObject({ settings: { method: 'rtn', bits: 4 }, computed: [] });
  const { files, verification } = report.written!;
  expect(verification.status).toBe('verified');
  const few = files.filter(({ path }) => path.startsWith('onnx/model_q4.onnx'));
  expect(few.reduce((sum, file) => sum + file.bytes, 0)).toBe(bytes);
  expect(files.map(({ path }) => path)).toContain('onnx/model.onnx');
});

test('what several precisions have to say is said once', async () => {
  const lines: string[] = [];
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((line) => {
    lines.push(String(line));
    return true;
  });
  const line = '--dtype q4,q4f16 --embedding 8 --head 4 --json two.json';
  const code = await run(['quantise', fixturePath('optimum-llama-fp32'), ...words(line)]);
  write.mockRestore();
  expect(code).toBe(0);
  const { results } = JSON.parse(readFileSync(at('two.json'), 'utf8')) as QuantiseReport;
  const [one, other] = results.map(({ warnings }) => warnings);
  expect(one!.length).toBeGreaterThan(0);
  expect(other).toEqual(one);
  expect(one!.map((text) => lines.filter((said) => said.trim() === text).length)).toEqual(
    one!.map(() => 1),
  );
});

test.each([
  ['--method magic', 'not "magic"'],
  ['--block 24', '--block is one of 16, 32, 64, 128, 256, not "24"'],
  ['--method gptq', '--method gptq takes its statistics from a plain text. Give --text <file>.'],
  ['--mixed-bytes 1', '--mixed-bytes chooses by what a plain text loses. Give --text <file>.'],
  ['--mixed-loss 0.1 --mixed-bytes 1', 'Give --mixed-bytes or --mixed-loss, not both.'],
  ['--mixed-loss -1', 'needs a value'],
  ['--mixed-bytes all --text text.txt', 'at least 0, not "all"'],
  ['--method hqq --symmetric', '--symmetric is of --method rtn alone, and this is hqq.'],
  ['--zeros integer', '--zeros is of --method hqq alone'],
  ['--samples 4', '--samples is of --method gptq alone'],
  ['--dtype q8 --method gptq --text text.txt', '--dtype q8 is of --method rtn alone'],
  ['--dtype fp16', '--dtype fp16 has no precision of few bits'],
  ['--dtype q4,q3', 'not "q3"'],
  ['--dtype q4,q4', '--dtype names q4 twice'],
  ['--accuracy-level 2', 'one of 0, 4, not "2"'],
  ['--embedding 2', 'one of keep, 8, 4, not "2"'],
])('%s is wrong usage', async (line, message) => {
  const error: unknown = await quantise([...SAMPLE, ...words(line)]).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(UsageError);
  expect((error as Error).message).toContain(message);
});

test.each([
  ['--out full', 'is not an empty folder'],
  ['--method gptq --text short.txt', 'short.txt is too short: it has'],
  ['--remove 16', 'no block 16'],
  ['--text none.txt', 'cannot be read'],
  ['--model onnx/model_q4.onnx', 'left to quantise'],
  ['--model onnx/model_q4.onnx --dtype keep,q4', 'would be written as onnx/model_q4.onnx'],
])('%s is refused in words', async (line, message) => {
  const folder = line.includes('--model') ? SAMPLE.slice(0, 1) : SAMPLE;
  const error: unknown = await quantise([...folder, ...words(line)]).catch((e: unknown) => e);
  expect(error).not.toBeInstanceOf(UsageError);
  expect((error as Error).message).toContain(message);
});

describe('as a last step', () => {
  const plan = ['--remove', '7'];
  test.each([
    [prune, '--out new --block 64', '--block is about matrices in few bits'],
    [prune, '--out new --text text.txt', '--text is about matrices in few bits'],
    [prune, '--out new --dtype fp16 --method hqq', '--method is about matrices in few bits'],
    [prune, '--out new --dtype q4 --method gptq', 'Give --text <file>.'],
    [heal, '--text text.txt --quantise-method hqq', '--quantise-method is about matrices'],
    [heal, '--text text.txt --dtype q4 --quantise-samples 3', 'of --quantise-method gptq alone'],
    [
      heal,
      '--text rows.jsonl --method lora --dtype q4 --quantise-method gptq',
      '--text holds rows of instructions',
    ],
  ])('options that do not go together are wrong usage', async (command, line, message) => {
    const given = [...SAMPLE, ...plan, ...words(line)];
    const error: unknown = await command(given).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toContain(message);
  });
});

test('an original that gives no numbers is no scale for the others', () => {
  const none = { klDivergence: null, top1Agreement: null };
  const [, line] = quantiseLines({
    ...({ dtype: 'q4', matrices: [], seconds: 0 } as unknown as Parameters<
      typeof quantiseLines
    >[0]),
    measured: [
      {
        ...({ set: 'windows', name: 'a.txt', predicted: 9, healed: null } as const),
        nllPerWindow: { original: [], pruned: [], healed: null, quantised: [] },
        original: { nll: Number.POSITIVE_INFINITY },
        pruned: { nll: Math.log(20), ...none },
        quantised: { nll: Math.log(22), ...none },
      },
    ],
  });
  expect(line).toContain('PPL original gives no numbers, pruned 20.000, quantised 22.000 (+0.0953');
});
