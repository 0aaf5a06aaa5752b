// `prune` and `convert` of models without a graph: what is written, in which format, and that it is
// verified.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import type { Verification } from '../../contract/verify.ts';
import { fixturePath } from '../../testing/fixtures.ts';
import { convert } from './convert.ts';
import { prune } from './prune.ts';

const temporary = mkdtempSync(join(tmpdir(), 'espalier-formats-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));
const at = (name: string): string => join(temporary, name);

interface Result {
  format: string;
  files: { path: string }[];
  verification: Verification;
}

async function jsonOf(command: typeof prune, words: string[]): Promise<Result> {
  const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    expect(await command([...words, '--json', at('result.json')])).toBe(0);
  } finally {
    stderr.mockRestore();
  }
  return JSON.parse(readFileSync(at('result.json'), 'utf8')) as Result;
}

test('prune writes a GGUF file as one again', async () => {
  const source = join(fixturePath('gguf-llama-q8_0'), 'tiny-llama-Q8_0.gguf');
  const found = await jsonOf(prune, [source, '--remove', '1,3', '--out', at('gguf')]);
  expect(found.format).toBe('gguf');
  expect(found.files.map(({ path }) => path).sort()).toEqual([
    'README.md',
    'espalier.json',
    'tiny-llama-Q8_0.gguf',
  ]);
  const { status, checks } = found.verification;
  expect(status).toBe('verified');
  const bytes = checks.find(({ name }) => name === 'bytes of every tensor');
  expect(bytes?.detail).toMatch(/^30 tensors, .* all equal to the source$/);
});

test('the kit beside a checkpoint has windows with their losses', async () => {
  const words = [fixturePath('hf-llama-bf16'), '--remove', '1,3', '--kit', '--out', at('kit')];
  expect((await jsonOf(prune, words)).format).toBe('safetensors');
  const { windows } = JSON.parse(
    readFileSync(at('kit/continued-pretraining/windows.json'), 'utf8'),
  ) as { windows: { nll: number; original: number; ids: number[] }[] };
  expect(windows).toHaveLength(4);
  for (const { nll, original, ids } of windows) {
    expect([ids.length, Number.isFinite(nll), nll !== original]).toEqual([64, true, true]);
    expect(nll).toBeCloseTo(original, 0);
  }
  await expect(
    prune([fixturePath('gguf-llama-f16'), '--remove', '1', '--kit', '--out', at('none')]),
  ).rejects.toThrow('this export is GGUF');
});

test('convert writes a checkpoint as ONNX, and nothing else', async () => {
  const source = fixturePath('hf-llama-bf16');
  const found = await jsonOf(convert, [source, '--dtype', 'fp16', '--out', at('onnx')]);
  expect(found.format).toBe('onnx');
  expect(found.verification.status).toBe('verified');
  expect(existsSync(at('onnx/onnx/model_fp16.onnx'))).toBe(true);
  await expect(convert([at('onnx'), '--out', at('twice')])).rejects.toThrow('is ONNX already');
  await expect(
    prune([source, '--remove', '1.ffn', '--format', 'safetensors', '--out', at('part')]),
  ).rejects.toThrow('1.ffn');
  await expect(
    prune([source, '--remove', '1', '--format', 'gguf', '--out', at('other')]),
  ).rejects.toThrow('came as safetensors');
});

test('few bits of a GGUF file become floats where another precision needs them', async () => {
  const source = fixturePath('gguf-llama-q8_0');
  const found = await jsonOf(convert, [source, '--dtype', 'q4f16', '--out', at('few-bits')]);
  expect(found.verification.status).toBe('verified');
  expect(found.files.map(({ path }) => path)).toContain('onnx/model_q4f16.onnx');
  await expect(convert([source, '--dtype', 'keep,fp16', '--out', at('both')])).rejects.toThrow(
    'stored as q8',
  );
});
