// The models of a folder that count: of a repository in a download cache, its current snapshot.

import { type Folder, readText } from '../../onnx/source.ts';
import { graphChoices } from '../graphs/choices.ts';
import type { GraphChoice } from './summary.ts';

/** Longest content of `refs/main`: the name of a snapshot. */
const MAX_REF_BYTES = 256;

/**
 * The models of a folder as `graphChoices` gives them; of a repository in a download cache those of
 * the snapshot that `refs/main` names, where it is there.
 */
export async function currentGraphs(folder: Folder): Promise<GraphChoice[]> {
  const graphs = await graphChoices(folder);
  const current = new Map<string, string | null>();
  for (const { path } of graphs) {
    const [, repository, snapshot] = SNAPSHOT.exec(path) ?? [];
    if (repository === undefined || snapshot === undefined || current.has(repository)) continue;
    const ref = `${repository}refs/main`;
    const isShort = (folder.open(ref)?.size ?? 0) <= MAX_REF_BYTES;
    const named = isShort ? await readText(folder, ref, MAX_REF_BYTES) : null;
    const at = named === null ? null : `${repository}snapshots/${named.trim()}/`;
    current.set(repository, at !== null && graphs.some((g) => g.path.startsWith(at)) ? at : null);
  }
  return graphs.filter(({ path }) => {
    const at = current.get(SNAPSHOT.exec(path)?.[1] ?? '\0');
    return !at || path.startsWith(at);
  });
}

/**
 * What is meant where none is named: a single graph counts before the tensor files that it was made
 * from, which may lie beside it.
 */
export function onlyOne(choices: readonly GraphChoice[]): readonly GraphChoice[] {
  const graphs = choices.filter(({ format }) => format === undefined);
  return graphs.length === 1 ? graphs : choices;
}

/** The folder of the repository and the name of the snapshot in a path of a download cache. */
const SNAPSHOT = /^((?:.*\/)?(?:models--[^/]+\/)?)snapshots\/([^/]+)\//;
