// The command line and the GPU benchmark as modules that need nothing but Node, and the packages
// that went into them.

import { join } from 'node:path';
import { build, type Rolldown } from 'vite';
import { BESIDE, BUNDLE } from './contents.ts';

/**
 * Writes the bundle into `folder`; returns the names of the packages in it.
 * @param root of the repository
 */
export async function writeBundle(root: string, folder: string): Promise<string[]> {
  const built = await build({
    root,
    configFile: false,
    logLevel: 'warn',
    publicDir: false,
    ssr: { noExternal: true, external: BESIDE },
    build: {
      ssr: true,
      target: 'node20.19',
      outDir: folder,
      emptyOutDir: false,
      minify: true,
      rolldownOptions: {
        input: Object.fromEntries(
          Object.entries(BUNDLE).map(([name, path]) => [name, join(root, path)]),
        ),
        output: {
          format: 'es',
          // All in one folder: modules find the packages beside it from where they are.
          entryFileNames: '[name].mjs',
          chunkFileNames: '[name]-[hash].mjs',
        },
      },
    },
  });
  const outputs = (Array.isArray(built) ? built : [built]) as Rolldown.RolldownOutput[];
  const modules = outputs.flatMap(({ output }) =>
    output.flatMap((chunk) => (chunk.type === 'chunk' ? chunk.moduleIds : [])),
  );
  return packagesOf(modules);
}

/** Names of the packages that modules belong to, by their paths. */
export function packagesOf(modules: readonly string[]): string[] {
  const names = modules.flatMap((path) => {
    const inside = path.replaceAll('\\', '/').split('/node_modules/').at(-1);
    if (inside === undefined || inside === path.replaceAll('\\', '/')) return [];
    const [first = '', second = ''] = inside.split('/');
    return [first.startsWith('@') ? `${first}/${second}` : first];
  });
  return [...new Set(names)].sort();
}
