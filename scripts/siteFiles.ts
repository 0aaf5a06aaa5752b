// Writes into the built service worker which files the site consists of: what it keeps at once,
// what it keeps when it is used, and a version that follows from their contents.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Plugin } from 'vite';
import type { SiteFile, SiteFiles } from '../src/contract/site.ts';

const WORKER = 'sw.js';
const PLACE = 'ESPALIER_SITE_FILES';
/** Large, and not every visit needs them. */
const ON_USE = /^sample\/|\.wasm$/;
/** Named by their content. */
const HASHED = /^assets\/.*-[\w-]{8}\.\w+$/;

/** Paths of all files below a folder, with slashes, in order. */
function filesBelow(folder: string, below = ''): string[] {
  return readdirSync(join(folder, below), { withFileTypes: true })
    .flatMap((entry) => {
      const path = below + entry.name;
      return entry.isDirectory() ? filesBelow(folder, `${path}/`) : [path];
    })
    .sort();
}

const hashOf = (content: string | Uint8Array): string =>
  createHash('sha256').update(content).digest('hex').slice(0, 16);

/** What a built site consists of. @throws Error when its page loads no script */
export function siteFilesOf(folder: string): SiteFiles {
  const files = filesBelow(folder)
    .filter((path) => path !== WORKER)
    .map(
      (path): SiteFile => [path, HASHED.test(path) ? '' : hashOf(readFileSync(join(folder, path)))],
    );
  const page = readFileSync(join(folder, 'index.html'), 'utf8');
  const entry = /<script[^>]* src="(?:\.\/)?([^"]+)"/.exec(page)?.[1];
  if (!entry) throw new Error('the page of the site loads no script');
  return {
    version: hashOf(JSON.stringify(files)),
    entry,
    shell: files.filter(([path]) => !ON_USE.test(path)),
    onUse: files.filter(([path]) => ON_USE.test(path)),
  };
}

/** For the build that has the service worker as an entry named `sw`. */
export function siteFiles(): Plugin {
  let folder = '';
  return {
    name: 'site-files',
    apply: 'build',
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir);
    },
    // After all files are in the folder, the public ones included.
    closeBundle: {
      order: 'post',
      handler() {
        const path = join(folder, WORKER);
        const code = readFileSync(path, 'utf8');
        // A classic script, so that every browser with service workers runs it.
        if (/^\s*(import|export)\b/m.test(code) || /\bimport\s*[{"'`*]|\bexport\s*\{/.test(code))
          throw new Error(`${WORKER} imports or exports something: it must stand alone`);
        if (code.split(PLACE).length !== 2) throw new Error(`${WORKER} has no place for its files`);
        writeFileSync(
          path,
          code.replace(PLACE, () => JSON.stringify(siteFilesOf(folder))),
        );
      },
    },
  };
}
