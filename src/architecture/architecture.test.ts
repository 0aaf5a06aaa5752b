// Holds the code to the table of arrows, and the map in src/README.md with it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ARROWS, drawArrows } from './rooms.ts';
import { circles, loadedFrom, roomOf, sourceFiles } from './sources.ts';

/** Folders of `src/` that are no rooms of the product: test support, and these tests. */
const SUPPORT = new Set(['testing', 'architecture']);

/** Package -> the only files that may import it. */
const IMPORTERS: Record<string, RegExp> = {
  'onnxruntime-web': /^runtime\//,
  comlink: /^(bridge|worker)\//,
  recharts: /^ui\/charts\//,
  '@bufbuild/protobuf': /^onnx\/(codec|onnx_pb)/,
  '@huggingface/tokenizers': /^text\//,
  unzipit: /^files\//,
  'idb-keyval': /^files\//,
  'browser-fs-access': /^files\//,
  'file-selector': /^files\//,
  zustand: /^state\//,
  webgpu: /^(runtime|cli)\//,
  react: /^(ui\/|main\.tsx)/,
  'react-dom': /^(ui\/|main\.tsx)/,
};

const PURE = /^(onnx|tensors|model|grad|analysis|text|contract|speed)\//;

const all = sourceFiles();
const product = all.filter(({ test, room }) => !test && !SUPPORT.has(room));

describe('rooms', () => {
  it('import only along the arrows', () => {
    const wrong = product.flatMap(({ path, room, imports }) =>
      imports
        .map((target) => ({ target, to: all.find((file) => file.path === target)?.room ?? '' }))
        .filter(({ to }) => to !== room && to !== '' && !arrows(room).includes(to))
        .map(({ target }) => `${path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it('are all in the table, and every arrow is used', () => {
    const rooms = new Set(product.map(({ room }) => room));
    expect([...rooms].filter((room) => room !== '' && !(room in ARROWS))).toEqual([]);
    const used = new Set(
      product.flatMap(({ room, imports }) => imports.map((path) => `${room} -> ${roomOf(path)}`)),
    );
    const unused = Object.entries(ARROWS).flatMap(([room, below]) =>
      below.map((to) => `${room} -> ${to}`).filter((arrow) => !used.has(arrow)),
    );
    expect(unused).toEqual([]);
  });

  it('are drawn in src/README.md as the table has them', () => {
    const map = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');
    expect(map).toContain(`\`\`\`\n${drawArrows()}\n\`\`\``);
  });

  it('of graphs stand lowest: nothing in onnx/, tests included, imports another room', () => {
    const upwards = all
      .filter(({ room }) => room === 'onnx')
      .flatMap(({ path, imports, test }) =>
        imports
          .filter((target) => !['onnx', '', ...(test ? ['testing'] : [])].includes(roomOf(target)))
          .map((target) => `${path} imports ${target}`),
      );
    expect(upwards).toEqual([]);
  });

  it('rest on test support that imports no room', () => {
    const support = all.filter(({ room, path }) => room === 'testing' && !/\.test\./.test(path));
    const wrong = support.flatMap(({ path, imports }) =>
      imports
        .filter((target) => !['testing', ''].includes(roomOf(target)))
        .map((target) => `${path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('files', () => {
  it('import each other in no circle, type imports counted', () => {
    expect(circles(all)).toEqual([]);
    const file = (path: string, imports: string[]) => ({ ...all[0]!, path, imports });
    const ring = [file('a', ['b']), file('b', ['c']), file('c', ['b', 'd']), file('d', [])];
    expect(circles(ring).map((group) => group.sort())).toEqual([['b', 'c']]);
  });

  it('of selectors import no actions', () => {
    const wrong = product
      .filter(({ path }) => /(^|\/)selectors\.ts$|Selectors\.ts$/.test(path))
      .flatMap(({ path, imports }) =>
        imports
          .filter((target) => /(^|\/)actions\.ts$|Actions\.ts$/.test(target))
          .map((target) => `${path} imports ${target}`),
      );
    expect(wrong).toEqual([]);
  });

  it('that the page loads hold no engine code', () => {
    const loaded = loadedFrom('main.tsx', all);
    expect(loaded.filter((path) => path.startsWith('ui/')).length).toBeGreaterThan(20);
    expect(loaded.filter((path) => /^(runtime|worker|cli|node|testing)\//.test(path))).toEqual([]);
  });

  it('of one package are imported in one room', () => {
    const wrong = product.flatMap(({ path, packages }) =>
      packages
        .filter((name) => {
          const allowed = IMPORTERS[name];
          return allowed ? !allowed.test(path) : PURE.test(path);
        })
        .map((name) => `${path} imports ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  it('stand at most 25 to a folder', () => {
    const folders = new Map<string, number>();
    for (const { path } of product.filter(({ generated }) => !generated)) {
      const folder = path.slice(0, Math.max(0, path.lastIndexOf('/')));
      folders.set(folder, (folders.get(folder) ?? 0) + 1);
    }
    expect([...folders].filter(([, count]) => count > 25)).toEqual([]);
  });

  it('are short, narrow and open with a sentence', () => {
    const own = product.filter(({ generated }) => !generated);
    const lines = own.map(({ text }) => text.split('\n').length);
    expect(own.filter((_, k) => lines[k]! > 400).map(({ path }) => path)).toEqual([]);
    expect(lines.sort((a, b) => a - b)[Math.floor(lines.length / 2)]).toBeLessThanOrEqual(120);
    expect(own.filter(({ text }) => !/^\s*\/[/*]/.test(text)).map(({ path }) => path)).toEqual([]);
    const wide = all
      .filter(({ generated }) => !generated)
      .flatMap(({ path, text }) =>
        text.split('\n').flatMap((line, k) => (line.length > 100 ? [`${path}:${k + 1}`] : [])),
      );
    expect(wide.length, wide.join('\n')).toBeLessThan(50);
  });
});

function arrows(room: string): readonly string[] {
  return (ARROWS as Record<string, readonly string[]>)[room] ?? [];
}
