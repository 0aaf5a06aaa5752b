// The files of the graphs that belong to a model beside its decoder.

import { filesOf } from '../../onnx/bytes.ts';
import type { Model } from '../../onnx/graph.ts';
import { readModel } from '../../onnx/read.ts';
import type { Folder } from '../../onnx/source.ts';
import type { GraphComponent } from '../open/summary.ts';
import { isDataOf } from './choices.ts';

/** A graph that belongs to a model, and the paths of all files that it needs, its own first. */
export interface Component extends GraphComponent {
  files: readonly string[];
}

/**
 * The components with their files. Reads their graphs, but no weights.
 * @param known a graph that is read already.
 */
export const withFiles = (
  folder: Folder,
  components: readonly GraphComponent[],
  known: { path: string; model: Model } | null,
): Promise<Component[]> =>
  Promise.all(
    components.map(async (component) => ({
      ...component,
      files: await filesOfGraph(
        folder,
        component.path,
        known?.path === component.path ? known.model : undefined,
      ),
    })),
  );

/**
 * The graph file and the files of its tensors that the folder has. Those of a graph that cannot be
 * read are known by their names alone.
 */
export async function filesOfGraph(folder: Folder, path: string, known?: Model): Promise<string[]> {
  const there = new Set(folder.files.map((file) => file.path));
  const isGraph = known === undefined && path.endsWith('.onnx');
  const model = isGraph ? await readModel(folder, path).catch(() => null) : known;
  const named = [...there].filter((file) => isDataOf(file, path));
  return [...new Set([path, ...named, ...(model ? filesOf(model) : [])])].filter((file) =>
    there.has(file),
  );
}
