// Keeps the test corpus small: `pack` turns fixture folders into recipes, `unpack` builds the whole
// corpus for the corpus command.

import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  derivedNames,
  fixtureFolder,
  type Piece,
  packRecipe,
  type RecipeFile,
} from '../src/testing/derived.ts';
import { fixturePath, wholeCorpus } from '../src/testing/fixtures.ts';

/** Length of the runs that are looked up, and the shortest run worth a piece, in bytes. */
const SEED = 64;
const SHORTEST = 256;

const [command, ...words] = process.argv.slice(2);
if (command === 'pack' && words.length >= 2) pack(words[0]!, words.slice(1));
else if (command === 'unpack' && words.length === 1) unpack(words[0]!);
else {
  console.error(
    'usage: tsx scripts/fixtures.ts pack <dir with fixture folders> <folder>... | unpack <new dir>',
  );
  process.exit(2);
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll('\\', '/'),
    )
    .sort();
}

/**
 * Writes e2e/fixtures/derived/<name>.br for each named folder of `from`, over the committed folders
 * and those packed before it.
 */
function pack(from: string, names: readonly string[]): void {
  const committed = readdirSync(fixturePath('.'), { withFileTypes: true })
    .filter(
      (entry) =>
        entry.isDirectory() &&
        entry.name !== 'golden' &&
        entry.name !== 'derived' &&
        !names.includes(entry.name),
    )
    .map((entry) => entry.name);
  const known: { file: string; bytes: Buffer }[] = [];
  const seeds = new Map<string, [number, number]>();
  const learn = (name: string, folder: string): void => {
    for (const path of filesOf(folder)) {
      const bytes = readFileSync(join(folder, path));
      for (let at = 0; at + SEED <= bytes.length; at += SEED) {
        const seed = bytes.toString('latin1', at, at + SEED);
        if (!seeds.has(seed)) seeds.set(seed, [known.length, at]);
      }
      known.push({ file: `${name}/${path}`, bytes });
    }
  };
  for (const name of committed) learn(name, fixturePath(name));
  mkdirSync(fixturePath('derived'), { recursive: true });
  for (const name of names) {
    const literals: Buffer[] = [];
    const files: RecipeFile[] = filesOf(join(from, name)).map((path) => {
      const bytes = readFileSync(join(from, name, path));
      const pieces: Piece[] = [];
      let start = 0;
      const flush = (end: number): void => {
        if (end === start) return;
        literals.push(bytes.subarray(start, end));
        pieces.push(end - start);
      };
      for (let at = 0; at < bytes.length; ) {
        const seed =
          at + SEED <= bytes.length
            ? seeds.get(bytes.toString('latin1', at, at + SEED))
            : undefined;
        const source = seed && known[seed[0]]!;
        let length = 0;
        if (seed && source)
          while (
            at + length < bytes.length &&
            bytes[at + length] === source.bytes[seed[1] + length]
          )
            length++;
        if (!seed || !source || length < SHORTEST) {
          at++;
          continue;
        }
        flush(at);
        pieces.push([source.file, seed[1], length]);
        at += length;
        start = at;
      }
      flush(bytes.length);
      return {
        path,
        size: bytes.length,
        sha256: createHash('sha256').update(bytes).digest('hex'),
        pieces,
      };
    });
    const packed = packRecipe({ files, literals: Buffer.concat(literals) });
    writeFileSync(fixturePath(`derived/${name}.br`), packed);
    learn(name, join(from, name));
    console.log(
      `${name}: ${files.reduce((n, file) => n + file.size, 0)} bytes as ${packed.length}`,
    );
  }
}

/** All fixture folders, corpus.json and the goldens in one new folder. */
function unpack(out: string): void {
  mkdirSync(out);
  for (const { folder } of wholeCorpus())
    cpSync(fixtureFolder(folder), join(out, folder), { recursive: true });
  cpSync(fixturePath('golden'), join(out, 'golden'), { recursive: true });
  writeFileSync(join(out, 'corpus.json'), `${JSON.stringify(wholeCorpus(), null, 1)}\n`);
  console.log(
    `${wholeCorpus().length} folders, ` +
      `${wholeCorpus().filter((row) => derivedNames().includes(row.folder)).length} of them ` +
      'from recipes',
  );
}
