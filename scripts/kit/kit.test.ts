// The portable kit: its list names files that exist, everything that the loader asks for is in it,
// it is laid out, expanded and started without anything else, and an archive that is too large is
// refused.

import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { filesBelow, layOut, writeArchive } from './archive.ts';
import { packagesOf } from './bundle.ts';
import { ARCHIVE_LIMIT, KIT, NATIVE_CPU, sizeObstacle } from './contents.ts';
import { licencesOf } from './licences.ts';

const ROOT = join(import.meta.dirname, '../..');
const ALL = [...KIT, ...NATIVE_CPU];

let scratch = '';
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'espalier-kit-test-'));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('the list', () => {
  test.each(ALL.map(({ from }) => from))('%s is there', (from) => {
    expect(existsSync(join(ROOT, from))).toBe(true);
  });

  test('holds every file that the loader names', () => {
    const loader = readFileSync(join(ROOT, 'src/runtime/device/ort.node.ts'), 'utf8');
    const named = [...loader.matchAll(/'(ort[\w.-]+\.(?:mjs|wasm))'/g)].map(([, name]) => name!);
    expect(named.length).toBeGreaterThanOrEqual(4);
    const places = KIT.map(({ to }) => to);
    for (const name of named) expect(places).toContain(`node_modules/onnxruntime-web/dist/${name}`);
  });

  test('holds what the modules of these packages import', () => {
    const places = ALL.map(({ to }) => to);
    const there = (path: string): boolean =>
      places.some((place) => path === place || path.startsWith(`${place}/`));
    const modules = places.filter((path) => /^node_modules\/.*\.m?js$/.test(path));
    expect(modules.length).toBeGreaterThan(8);
    for (const path of modules) {
      const code = readFileSync(join(ROOT, path), 'utf8');
      for (const name of importsOf(code)) {
        if (isBuiltin(name)) continue;
        if (name.startsWith('.'))
          expect([path, there(join(dirname(path), name).replace(/(\.js)?$/, '.js'))]).toEqual([
            path,
            true,
          ]);
        else
          expect(there(`node_modules/${name}/package.json`), `${path} imports ${name}`).toBe(true);
      }
    }
  });

  test('imports are found in minified modules', () => {
    expect(
      importsOf('import{a}from"b";let c=require("./d");await import("node:e");x.from",[t"'),
    ).toEqual(['b', './d', 'node:e']);
  });
});

/** What a module imports, by name or relative path. */
function importsOf(code: string): string[] {
  const name = '["\']((?:\\.|node:|@|\\w)[\\w./-]*)["\']';
  const before = '(?:import|export)\\b[\\w\\s*{},$]*\\bfrom\\s*|import\\s*|(?:require|import)\\(';
  const found = code.matchAll(new RegExp(`\\b(?:${before})${name}`, 'g'));
  return [...found].map(([, imported]) => imported!);
}

describe('sizes', () => {
  const files = [
    { path: 'small', bytes: 1 },
    { path: 'large', bytes: 20_000_000 },
  ];
  test('an archive at the limit is refused, with its largest files', () => {
    expect(sizeObstacle('a', ARCHIVE_LIMIT - 1, files)).toBeNull();
    expect(sizeObstacle('a', ARCHIVE_LIMIT, files)).toMatch(
      /^a is 28\.0 MB, and may be at most 28\.0 MB\. The largest .* large \(20\.0 MB\), small/,
    );
  });
});

test('packages are named by the paths of their modules', () => {
  expect(
    packagesOf([
      '/r/src/a.ts',
      '/r/node_modules/@a/b/dist/x.js',
      '/r/node_modules/c/y.js',
      '/r/node_modules/c/node_modules/d/z.js',
      '\0virtual',
    ]),
  ).toEqual(['@a/b', 'c', 'd']);
});

test('licences: the own text, a kept one, or a refusal', () => {
  const text = licencesOf(ROOT, ['webgpu', 'onnxruntime-web', '@bufbuild/protobuf']);
  expect(text).toContain('The Dawn & Tint Authors');
  expect(text).toContain('Copyright (c) Microsoft Corporation');
  expect(text).toContain('Buf Technologies');
  const bare = join(scratch, 'root');
  mkdirSync(join(bare, 'node_modules/x'), { recursive: true });
  writeFileSync(join(bare, 'node_modules/x/package.json'), '{"version":"1"}');
  expect(() => licencesOf(bare, ['x'])).toThrow(/x has no licence file/);
});

describe('a kit that is laid out, packed and unpacked elsewhere', () => {
  const LAUNCHERS = KIT.filter(({ from }) => from.startsWith('kit/'));
  let kit = '';
  beforeAll(async () => {
    const stage = join(scratch, 'stage');
    const source = join(scratch, 'big.bin');
    writeFileSync(source, 'x'.repeat(100_000));
    await layOut(ROOT, join(stage, 'kit'), LAUNCHERS);
    const packed = await layOut(scratch, join(stage, 'kit'), [
      { from: 'big.bin', to: 'deep/big.bin', packed: true },
    ]);
    writeFileSync(join(stage, 'kit/lib/packed.json'), JSON.stringify(packed));
    writeFileSync(
      join(stage, 'kit/lib/espalier.mjs'),
      'console.log(process.env.ESPALIER_PROGRAM, ...process.argv.slice(2)); process.exit(3);',
    );
    const archive = join(scratch, 'kit.tar.gz');
    const bytes = writeArchive(stage, 'kit', archive);
    expect(bytes).toBe(statSync(archive).size);
    execFileSync('tar', ['-xzf', archive, '-C', scratch]);
    kit = join(scratch, 'kit');
    expect(filesBelow(kit).map(({ path }) => path)).toContain('deep/big.bin.br');
  });

  const start = (env: Record<string, string>) =>
    spawnSync(join(kit, 'espalier'), ['score', 'a b'], { encoding: 'utf8', env });

  test.runIf(process.platform === 'linux' && process.arch === 'x64')('starts on Node alone', () => {
    const path = `${dirname(process.execPath)}:/usr/bin:/bin`;
    const missing = start({ PATH: '/usr/bin:/bin', ESPALIER_NODE: '/nowhere/node' });
    expect(missing.status).toBe(1);
    expect(missing.stderr).toMatch(/There is no \/nowhere\/node on this machine\. .*20\.19/);
    const old = join(scratch, 'old-node');
    writeFileSync(old, '#!/bin/sh\n[ "$1" = -p ] || exit 1\necho 18.1.0\n');
    chmodSync(old, 0o755);
    const tooOld = start({ PATH: path, ESPALIER_NODE: old });
    expect([tooOld.status, tooOld.stderr]).toEqual([1, expect.stringContaining('is Node 18.1.0.')]);
    for (const said of ['Unpacking, once ...\n', '']) {
      const first = start({ PATH: path });
      expect(first.stderr).toBe(said);
      expect(first.stdout).toBe(`${join(kit, 'espalier')} score a b\n`);
      expect(first.status).toBe(3);
    }
    expect(readFileSync(join(kit, 'deep/big.bin'), 'utf8')).toBe('x'.repeat(100_000));
    expect(existsSync(join(kit, 'deep/big.bin.br'))).toBe(false);
  });
});
