// The licences of everything from others that is in the kit, as one file.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Packages whose own folder has no licence file: where their text is kept. */
const KEPT: Readonly<Record<string, string>> = {
  'onnxruntime-web': 'kit/licences/onnxruntime.txt',
  'onnxruntime-node': 'kit/licences/onnxruntime.txt',
  'onnxruntime-common': 'kit/licences/onnxruntime.txt',
  '@bufbuild/protobuf': 'kit/licences/protobuf.txt',
};

/** @throws Error for a package whose licence text is not known: it must not be passed on */
export function licencesOf(root: string, packages: readonly string[]): string {
  const parts = [...packages].sort().map((name) => {
    const folder = join(root, 'node_modules', name);
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      version: string;
      license?: string;
    };
    const title = `${name} ${manifest.version} (${manifest.license ?? 'see below'})`;
    return `${title}\n${'='.repeat(title.length)}\n\n${textOf(root, folder, name)}\n`;
  });
  return [
    'Espalier is under the MIT licence (LICENSE). The sample model was trained for it on',
    'public-domain novels, of which the texts are parts too. The kit holds, from others:',
    '',
    ...parts,
  ].join('\n');
}

function textOf(root: string, folder: string, name: string): string {
  const own = readdirSync(folder).find((file) => /^licen[cs]e(\.(md|txt))?$/i.test(file));
  if (own !== undefined) return readFileSync(join(folder, own), 'utf8').trim();
  const kept = KEPT[name];
  if (kept !== undefined && existsSync(join(root, kept)))
    return readFileSync(join(root, kept), 'utf8').trim();
  throw new Error(
    `${name} has no licence file: add its text to kit/licences and to scripts/kit/licences.ts.`,
  );
}
