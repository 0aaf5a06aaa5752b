// The benchmark of a GPU: `kit/gpu.sh [--quick] [--patience n] [--json file]`, or `npm run bench
// -- gpu`. Exit code: 0 every number is right, 1 a part is not ok, 2 there is no adapter, or wrong
// usage.

import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { lookAround, noAdapterWords } from './gpu/noAdapter.ts';
import { PARTS } from './gpu/parts.ts';
import { tableOf } from './gpu/report.ts';
import { runGpuBench } from './gpu/run.ts';
import { servePart } from './gpu/runPart.ts';

const USAGE = 'usage: gpu.sh [--quick] [--patience n] [--json file]';

async function main(words: readonly string[]): Promise<number> {
  let values: { quick?: boolean | undefined; json?: string | undefined };
  let patience = 1;
  try {
    const parsed = parseArgs({
      args: [...words],
      options: {
        quick: { type: 'boolean' },
        // Multiplies every time limit: for slow or busy machines, and adapters that are software.
        patience: { type: 'string', default: '1' },
        json: { type: 'string' },
      },
    });
    values = parsed.values;
    patience = Number(parsed.values.patience);
    if (!(patience >= 1)) throw new Error('--patience takes a number of at least 1.');
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}\n`);
    return 2;
  }
  const target = values.json ?? 'espalier-gpu.json';
  const known = existsSync(target);
  try {
    // Before the minutes that it takes to have something to write; what is there stays till then.
    writeFileSync(target, '', { flag: 'a' });
  } catch (error) {
    process.stderr.write(`${target} cannot be written: ${(error as Error).message}\n`);
    process.stderr.write('Name another file with --json.\n');
    return 2;
  }
  const report = await runGpuBench({
    entry: fileURLToPath(import.meta.url),
    root: join(import.meta.dirname, '..'),
    quick: values.quick ?? false,
    patience,
    onPart: (title, row) =>
      process.stderr.write(row ? `${row.status}, ${row.seconds.toFixed(1)} s\n` : `${title}: `),
  });
  if (!report) {
    if (!known) rmSync(target, { force: true });
    process.stderr.write(`\n${noAdapterWords(await lookAround())}\n`);
    return 2;
  }
  writeFileSync(target, `${JSON.stringify(report, null, 1)}\n`);
  process.stdout.write(`\n${tableOf(report)}\n`);
  process.stderr.write(`written: ${target}\n`);
  return report.ok ? 0 : 1;
}

const words = process.argv.slice(2);
// A GPU device and ONNX Runtime's module keep the process alive.
const code = (await servePart(words, PARTS)) ? 0 : await main(words);
process.stdout.write('', () => process.exit(code));
