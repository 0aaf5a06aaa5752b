// Engines of one browser on the real runtime in Node, with a small model open; for tests, never in
// the app.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { makeJobShelf } from '../../files/checkpoints.ts';
import { makeResultStore } from '../../files/keptResults.ts';
import { memoryStore } from '../../files/testing/memoryStore.ts';
import { loaderWithoutGpu } from '../../runtime/testing/cpuDevices.ts';
import { calibrationText, fixturePath } from '../../testing/fixtures.ts';
import { Checkpoints } from '../checkpoints.ts';
import { Healings } from '../heal/healings.ts';
import { Quantisations } from '../quantise/quantisations.ts';
import { StudioService } from '../service.ts';

function filesOf(fixture: string) {
  const root = fixturePath(fixture);
  const walk = (folder: string): string[] =>
    readdirSync(folder).flatMap((name) => {
      const path = join(folder, name);
      return statSync(path).isDirectory() ? walk(path) : [path];
    });
  return walk(root).map((path) => ({
    path: relative(root, path),
    file: new File([readFileSync(path)], path),
  }));
}

/** @returns what opens the next engine; all of them share what the browser keeps */
export function browser(fixture = 'optimum-llama-chat'): () => Promise<StudioService> {
  const [jobs, healings, quantisations] = [memoryStore(), memoryStore(), memoryStore()];
  return async () => {
    const studio = new StudioService(
      loaderWithoutGpu,
      async () => calibrationText(),
      new Checkpoints(makeJobShelf(() => jobs.use)),
      new Healings(makeResultStore(() => healings.use)),
      new Quantisations(makeResultStore(() => quantisations.use)),
    );
    const source = { kind: 'files' as const, name: 'sample', files: filesOf(fixture) };
    await studio.open({ source }, () => {});
    return studio;
  };
}
