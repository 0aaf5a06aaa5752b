// Writes the synthetic 135M model of the cpu benchmark, and windows for it and for the sample, for
// tools/torch_curve.py: npx tsx scripts/llama.ts <folder> [windows of the model].

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LLAMA_135M, randomWindows, writeLlama } from './bench/llama.ts';
import { openSample } from './bench/scored.ts';

const ROOT = join(import.meta.dirname, '..');
const [out, windows = '10'] = process.argv.slice(2);
if (out === undefined) {
  console.error('usage: npx tsx scripts/llama.ts <folder> [windows]');
  process.exit(2);
}
mkdirSync(out, { recursive: true });
writeLlama(join(ROOT, 'public/sample'), join(out, 'llama-135m'), LLAMA_135M);
const write = (name: string, rows: number[][]): void =>
  writeFileSync(join(out, name), JSON.stringify(rows));
write('llama-135m-windows.json', randomWindows(Number(windows), 128, LLAMA_135M.vocab));
const sample = await openSample(ROOT);
write('sample-windows.json', sample.windows(10, 128));
await sample.close();
console.error(`written: ${out}`);
process.exit(0);
