// Holds the rooms and arrows of src/README.md: who may import whom, and the one importer of each
// heavy dependency.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const SRC = import.meta.dirname;

/**
 * Room -> rooms it may import. The contracts (`worker/api`) and the page's ends (`worker/client`)
 * are named apart: they are the thread boundary.
 */
const ARROWS: Record<string, readonly string[]> = {
  root: ['state', 'ui', 'worker/client'],
  onnx: [],
  model: ['onnx'],
  analysis: [],
  text: [],
  files: ['onnx', 'model'],
  runtime: ['onnx', 'model', 'text', 'analysis', 'worker/api'],
  worker: ['onnx', 'model', 'text', 'analysis', 'files', 'runtime', 'worker/api'],
  'worker/api': ['onnx', 'model', 'analysis', 'text'],
  'worker/client': ['worker', 'worker/api', 'files', 'runtime'],
  state: ['onnx', 'model', 'analysis', 'files', 'worker/api', 'worker/client'],
  ui: ['state', 'model', 'analysis', 'worker/api'],
  cli: ['onnx', 'model', 'text', 'analysis', 'runtime', 'worker/api'],
};

/** npm package -> the only room that may import it (for worker: outside tests). */
const IMPORTERS: Record<string, RegExp> = {
  'onnxruntime-web': /^runtime\//,
  comlink: /^worker\//,
  recharts: /^ui\/charts\//,
  '@bufbuild/protobuf': /^onnx\/(codec|onnx_pb)/,
  '@huggingface/jinja': /^text\//,
  '@huggingface/tokenizers': /^text\//,
  'client-zip': /^files\//,
  unzipit: /^files\//,
  'idb-keyval': /^files\//,
  'browser-fs-access': /^files\//,
  'file-selector': /^files\//,
  zustand: /^state\//,
  webgpu: /^(runtime|cli)\//,
  react: /^(ui\/|main\.tsx)/,
  'react-dom': /^(ui\/|main\.tsx)/,
};

const PURE = /^(onnx|model|analysis|text)\//;

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'testing' ? [] : sources(path);
    return /\.(ts|tsx)$/.test(entry.name) && !/\.(test|d)\.tsx?$/.test(entry.name) ? [path] : [];
  });
}

function imports(path: string): string[] {
  const text = readFileSync(path, 'utf8');
  return [
    ...text.matchAll(
      /(?:^|\n)\s*(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s*['"]([^'"]+)['"]/g,
    ),
  ].map((m) => (m[1] ?? m[2] ?? m[3]) as string);
}

function roomOf(path: string): string {
  const name = relative(SRC, path).replaceAll('\\', '/');
  if (!name.includes('/'))
    return /^(errors|json|units|version)\.ts$/.test(name) ? 'shared' : 'root';
  if (/^worker\/(api|benchApi)\.ts$/.test(name)) return 'worker/api';
  if (/^worker\/(client|meter)\.ts$/.test(name)) return 'worker/client';
  return name.slice(0, name.indexOf('/'));
}

const files = sources(SRC);

describe('architecture', () => {
  it('has sources to check', () => {
    expect(files.length).toBeGreaterThan(20);
  });

  it('imports only along the arrows', () => {
    const wrong: string[] = [];
    for (const file of files) {
      const room = roomOf(file);
      for (const specifier of imports(file)) {
        if (!specifier.startsWith('.')) continue;
        const target = roomOf(resolve(dirname(file), specifier.replace(/\?.*$/, '')));
        if (target === room || target === 'shared') continue;
        if (!(ARROWS[room] ?? []).includes(target))
          wrong.push(`${relative(SRC, file)} imports ${specifier} (${room} -> ${target})`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('gives each heavy dependency one importer', () => {
    const wrong: string[] = [];
    for (const file of files) {
      const name = relative(SRC, file).replaceAll('\\', '/');
      for (const specifier of imports(file)) {
        if (specifier.startsWith('.')) continue;
        const pkg = specifier.startsWith('@')
          ? specifier.split('/').slice(0, 2).join('/')
          : (specifier.split('/')[0] as string);
        const allowed = IMPORTERS[pkg];
        if (allowed && !allowed.test(name)) wrong.push(`${name} imports ${specifier}`);
        if (PURE.test(name) && !allowed) wrong.push(`${name} is pure but imports ${specifier}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('keeps files short and introduced by a sentence', () => {
    const wrong: string[] = [];
    for (const file of files) {
      const text = readFileSync(file, 'utf8');
      const lines = text.split('\n').length;
      if (lines > 500) wrong.push(`${relative(SRC, file)} has ${lines} lines (at most 500)`);
      if (!/^\s*\/[/*]/.test(text))
        wrong.push(`${relative(SRC, file)} does not open with a sentence`);
    }
    expect(wrong).toEqual([]);
  });
});
