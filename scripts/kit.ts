// Writes the portable kit: dist-kit/espalier-kit-<version>-linux-x64.tar.gz, which runs on a Linux
// machine with Node and nothing else. `npm run kit [-- --native]`; --native also writes
// espalier-kit-native-..., native ONNX Runtime for the CPU, to unpack over it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VERSION } from '../src/version.ts';
import { filesBelow, layOut, writeArchive } from './kit/archive.ts';
import { writeBundle } from './kit/bundle.ts';
import { BESIDE, type Entry, KIT, megabytes, NATIVE_CPU, sizeObstacle } from './kit/contents.ts';
import { licencesOf } from './kit/licences.ts';

const ROOT = join(import.meta.dirname, '..');
const TARGET = join(ROOT, 'dist-kit');

async function main(words: readonly string[]): Promise<number> {
  const unknown = words.find((word) => word !== '--native');
  if (unknown !== undefined) {
    console.error(`There is no option ${unknown}. usage: npm run kit [-- --native]`);
    return 2;
  }
  mkdirSync(TARGET, { recursive: true });
  const wrong = [await write('espalier-kit', KIT, true)];
  if (words.includes('--native')) wrong.push(await write('espalier-kit-native', NATIVE_CPU, false));
  for (const sentence of wrong) if (sentence !== null) console.error(sentence);
  return wrong.every((sentence) => sentence === null) ? 0 : 1;
}

/** Writes one archive; returns what is wrong with it, or null. */
async function write(name: string, entries: readonly Entry[], whole: boolean) {
  const stage = mkdtempSync(join(tmpdir(), 'espalier-kit-'));
  try {
    const folder = join(stage, 'kit');
    const packed = await layOut(ROOT, folder, entries);
    if (whole) {
      const packages = await writeBundle(ROOT, join(folder, 'lib'));
      writeFileSync(join(folder, 'lib/packed.json'), JSON.stringify(packed));
      const beside = BESIDE.filter((one) =>
        entries.some(({ to }) => to.startsWith(`node_modules/${one}/`)),
      );
      const licences = licencesOf(ROOT, [...new Set([...packages, ...beside])]);
      writeFileSync(join(folder, 'LICENCES.txt'), licences);
    }
    const target = join(TARGET, `${name}-${VERSION}-linux-x64.tar.gz`);
    const bytes = writeArchive(stage, 'kit', target);
    console.log(`${target}: ${megabytes(bytes)}`);
    return sizeObstacle(`${name}-${VERSION}-linux-x64.tar.gz`, bytes, filesBelow(folder));
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

process.exit(await main(process.argv.slice(2)));
