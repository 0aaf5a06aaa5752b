// The files of `src/` with what they import, for the tests of the architecture.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const SRC = join(import.meta.dirname, '..');

export interface SourceFile {
  /** Path below `src/`, with slashes. */
  path: string;
  text: string;
  /** `''` for the files beside the rooms. */
  room: string;
  test: boolean;
  generated: boolean;
  /** Paths below `src/` of the files it imports, type imports included. */
  imports: string[];
  /** Names of the packages it imports. */
  packages: string[];
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s*['"]([^'"]+)['"]/g;

/** Every TypeScript file of `src/`. Style sheets and assets are left out. */
export function sourceFiles(): SourceFile[] {
  return walk(SRC).map((file) => {
    const path = relative(SRC, file).replaceAll('\\', '/');
    const text = readFileSync(file, 'utf8');
    const specifiers = [...text.matchAll(IMPORT)].map((m) => (m[1] ?? m[2] ?? m[3]) as string);
    const inner = specifiers
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => resolve(dirname(file), specifier.replace(/\?.*$/, '')))
      .filter((target) => /\.(ts|tsx|js)$/.test(target) && existsSync(target));
    return {
      path,
      text,
      room: roomOf(path),
      test: /\.test\.tsx?$/.test(path) || /(^|\/)testing\//.test(path),
      generated: /onnx_pb|transforms\/kernelBytes/.test(path),
      imports: inner.map((target) => relative(SRC, target).replaceAll('\\', '/')),
      packages: specifiers.filter((specifier) => !specifier.startsWith('.')).map(packageOf),
    };
  });
}

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return walk(path);
    return /\.(ts|tsx)$/.test(entry.name) ? [path] : [];
  });
}

/** The room of a file; `''` for the files beside the rooms. */
export function roomOf(path: string): string {
  if (path === 'main.tsx') return 'main';
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : '';
}

function packageOf(specifier: string): string {
  const steps = specifier.split('/');
  return specifier.startsWith('@') ? steps.slice(0, 2).join('/') : (steps[0] as string);
}

/** Groups of files that import each other in a circle; empty when there are none (Tarjan). */
export function circles(files: readonly SourceFile[]): string[][] {
  const graph = new Map(files.map(({ path, imports }) => [path, imports]));
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (path: string): void => {
    index.set(path, index.size);
    low.set(path, index.get(path)!);
    stack.push(path);
    for (const next of graph.get(path) ?? []) {
      if (!graph.has(next)) continue;
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) low.set(path, Math.min(low.get(path)!, low.get(next)!));
    }
    if (low.get(path) !== index.get(path)) return;
    const group = stack.splice(stack.indexOf(path));
    if (group.length > 1) found.push(group);
  };
  for (const { path } of files) if (!index.has(path)) visit(path);
  return found;
}

/**
 * All files that `start` loads, directly or not. Workers are loaded by address and not followed.
 */
export function loadedFrom(start: string, files: readonly SourceFile[]): string[] {
  const graph = new Map(files.map(({ path, imports }) => [path, imports]));
  const seen = new Set([start]);
  for (const path of seen) for (const next of graph.get(path) ?? []) seen.add(next);
  return [...seen];
}
