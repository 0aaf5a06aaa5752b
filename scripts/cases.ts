// Runs small inputs from public reports against their right values: npx tsx scripts/cases.ts
// <folder of cases> [names]. A case is a folder with `expect.json` (CONTRIBUTING.md).

import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toReport } from '../src/errors.ts';
import { type Case, checkCase } from './cases/checkCase.ts';

/**
 * Download caches consist of links, which a checkout may hold as files with the path of their
 * target.
 */
function restoreLinks(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || statSync(path).size > 200) continue;
    const target = readFileSync(path, 'utf8').trim();
    if (!/^(\.\.\/)+blobs\/[0-9a-f]{64}$/.test(target)) continue;
    rmSync(path);
    symlinkSync(target, path);
  }
}

/** `ok`, or what is not as `right` says. */
async function run(root: string, name: string): Promise<string[]> {
  const scratch = mkdtempSync(join(tmpdir(), 'case-'));
  try {
    const folder = join(scratch, name);
    cpSync(join(root, name), folder, { recursive: true, verbatimSymlinks: true });
    restoreLinks(folder);
    const expect = JSON.parse(readFileSync(join(folder, 'expect.json'), 'utf8')) as Case;
    return await checkCase(folder, expect, scratch);
  } catch (error) {
    const { message, detail, code } = toReport(error);
    return [code === 'bug' ? `${message} ${detail}` : message];
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const [root, ...only] = process.argv.slice(2);
  if (root === undefined) throw new Error('Give the folder of the cases.');
  const names = readdirSync(root)
    .filter((name) => existsSync(join(root, name, 'expect.json')))
    .filter((name) => only.length === 0 || only.includes(name));
  let failed = 0;
  for (const name of names) {
    const misses = await run(root, name);
    if (misses.length > 0) failed += 1;
    const lines = [`${misses.length > 0 ? 'MISS' : 'ok  '} ${name}`, ...misses];
    process.stdout.write(`${lines.join('\n       ')}\n`);
  }
  process.stdout.write(`${names.length - failed} of ${names.length} cases are right.\n`);
  process.stdout.write('', () => process.exit(failed > 0 ? 1 : 0));
}

await main();
