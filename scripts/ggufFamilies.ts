// Likelihoods of GGUF models of every architecture, intact and without each block, beside those of
// PyTorch; where node-llama-cpp has a binary, those of llama.cpp for the files that the export
// writes. The folder is what tools/make_gguf_families.py writes:
// npx tsx scripts/ggufFamilies.ts <folder> [names].

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSession } from '../src/cli/open.ts';
import { EspalierError } from '../src/errors.ts';
import { manifestSource } from '../src/model/export/folder.ts';
import { exportManifest } from '../src/model/export/manifest.ts';
import { openModel } from '../src/model/open/open.ts';
import { nodeFolder } from '../src/node/folder.ts';
import { llamaCppObstacle, loadLlamaCpp } from '../src/testing/llamaCpp.ts';

interface Golden {
  windows: number[][];
  nll: number;
  /** Without each block. */
  blocks: number[];
}

/** Largest difference that is taken for rounding. */
const TOLERANCE = 1e-5;

const [root, ...asked] = process.argv.slice(2);
if (root === undefined) {
  console.error('usage: npx tsx scripts/ggufFamilies.ts <folder> [names]');
  process.exit(2);
}
const obstacle = await llamaCppObstacle();
if (obstacle !== null) console.log(obstacle);
const names = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
let worst = 0;
for (const name of asked.length > 0 ? asked : names) {
  const golden: Golden = JSON.parse(readFileSync(join(root, name, 'golden.json'), 'utf8'));
  const differences = await ofEspalier(join(root, name), golden);
  worst = Math.max(worst, ...differences);
  const [intact, ...blocks] = differences;
  const llama = obstacle === null ? await ofLlamaCpp(join(root, name), golden) : null;
  console.log(
    `${name}: NLL ${golden.nll.toFixed(6)}, intact ${short(intact)}, without each block ` +
      `${short(Math.max(...blocks))}${llama === null ? '' : `; llama.cpp ${llama}`}`,
  );
}
console.log(`largest difference ${short(worst)}`);
process.exit(worst < TOLERANCE ? 0 : 1);

/** Intact, then without each block. */
async function ofEspalier(path: string, golden: Golden): Promise<number[]> {
  const folder = await nodeFolder(path);
  const opened = await openModel(folder, 'model.gguf');
  const { session, engine } = await openSession(opened, { device: undefined, threads: undefined });
  const curve = await session.score(golden.windows, undefined, () => {});
  await session.dispose();
  await engine.dispose();
  await folder.close();
  return [
    Math.abs(curve.baseline.nll - golden.nll),
    ...curve.blocks.map((block, i) => Math.abs((block.nll ?? Number.NaN) - golden.blocks[i]!)),
  ];
}

/** What llama.cpp makes of the file, and of those that the export writes without a block. */
async function ofLlamaCpp(path: string, { windows, nll, blocks }: Golden): Promise<string> {
  const intact = await differenceOf(join(path, 'model.gguf'), windows, nll);
  const folder = await nodeFolder(path);
  const opened = await openModel(folder, 'model.gguf');
  const directory = mkdtempSync(join(tmpdir(), 'espalier-gguf-'));
  const pruned: number[] = [];
  for (const [i, want] of blocks.entries())
    try {
      const { files, graph } = await exportManifest(opened, [i], { app: 'script' });
      const file = files.find((one) => one.path === graph)!;
      const written = join(directory, `${i}.gguf`);
      writeFileSync(written, await manifestSource(file, folder).read(0, file.size));
      pruned.push(await differenceOf(written, windows, want));
    } catch (error) {
      // Plans that no GGUF file can hold.
      if (!(error instanceof EspalierError) || error.code !== 'unsupported-graph') throw error;
    }
  rmSync(directory, { recursive: true });
  await folder.close();
  return (
    `${short(intact)}, pruned files ${short(Math.max(...pruned))}` +
    (pruned.length < blocks.length ? ` (${blocks.length - pruned.length} refused)` : '')
  );
}

async function differenceOf(
  path: string,
  windows: readonly (readonly number[])[],
  want: number,
): Promise<number> {
  const model = await loadLlamaCpp(path);
  const nll = await model.nll(windows);
  await model.dispose();
  return Math.abs(nll - want);
}

function short(difference: number | undefined): string {
  return difference?.toExponential(1) ?? '';
}
