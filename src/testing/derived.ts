// Fixture folders that consist mostly of parts of other fixtures: stored as recipes and built on
// first use, for tests in Node.

import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FIXTURES = join(ROOT, 'e2e/fixtures');
const RECIPES = join(FIXTURES, 'derived');
const CACHE = join(ROOT, 'node_modules/.cache/espalier-fixtures');

/** A byte range of a fixture file (`folder/path`), or a number of bytes of the recipe itself. */
export type Piece = [file: string, offset: number, length: number] | number;

export interface RecipeFile {
  path: string;
  size: number;
  sha256: string;
  pieces: Piece[];
}

/** The files of a folder; `literals` are the bytes that no other fixture contains. */
export interface Recipe {
  files: RecipeFile[];
  literals: Uint8Array;
}

/** A recipe as bytes: header length, JSON header and literals, compressed with Brotli. */
export function packRecipe({ files, literals }: Recipe): Uint8Array {
  const header = Buffer.from(JSON.stringify(files));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(header.length);
  const plain = Buffer.concat([size, header, literals]);
  return brotliCompressSync(plain, {
    params: {
      [constants.BROTLI_PARAM_LGWIN]: 22,
      [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
    },
  });
}

function unpackRecipe(bytes: Uint8Array): Recipe {
  const plain = brotliDecompressSync(bytes);
  const end = 4 + plain.readUInt32LE(0);
  return {
    files: JSON.parse(plain.subarray(4, end).toString('utf8')) as RecipeFile[],
    literals: plain.subarray(end),
  };
}

/** Names of the folders that are stored as recipes. */
export function derivedNames(): string[] {
  return existsSync(RECIPES)
    ? readdirSync(RECIPES)
        .filter((name) => name.endsWith('.br'))
        .map((name) => name.slice(0, -3))
    : [];
}

/**
 * Absolute path of a fixture folder: the committed one, or one built from its recipe under
 * node_modules/.cache.
 * @throws Error when there is neither, or when a built file does not have its SHA-256.
 */
export function fixtureFolder(name: string): string {
  const committed = join(FIXTURES, name);
  if (existsSync(committed)) return committed;
  const recipePath = join(RECIPES, `${name}.br`);
  if (!existsSync(recipePath)) throw new Error(`no fixture ${name}`);
  const packed = readFileSync(recipePath);
  const made = join(CACHE, createHash('sha256').update(packed).digest('hex').slice(0, 16), name);
  if (existsSync(made)) return made;

  const { files, literals } = unpackRecipe(packed);
  // Test processes run in parallel: each builds its own copy, and the first to rename it wins.
  const own = `${made}.${process.pid}`;
  let at = 0;
  for (const file of files) {
    const parts = file.pieces.map((piece) => {
      if (typeof piece === 'number') {
        at += piece;
        return literals.subarray(at - piece, at);
      }
      const [from, offset, length] = piece;
      const slash = from.indexOf('/');
      return readFileSync(
        join(fixtureFolder(from.slice(0, slash)), from.slice(slash + 1)),
      ).subarray(offset, offset + length);
    });
    const bytes = Buffer.concat(parts);
    if (createHash('sha256').update(bytes).digest('hex') !== file.sha256)
      throw new Error(`fixture ${name}: ${file.path} came out wrong`);
    mkdirSync(dirname(join(own, file.path)), { recursive: true });
    writeFileSync(join(own, file.path), bytes);
  }
  try {
    renameSync(own, made);
  } catch (error) {
    if (!existsSync(made)) throw error;
    rmSync(own, { recursive: true, force: true });
  }
  return made;
}
