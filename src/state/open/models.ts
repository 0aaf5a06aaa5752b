// The models of a folder that holds several, each with its graphs.

import { modelName } from '../../model/open/modelName.ts';
import type { GraphChoice } from '../../model/open/summary.ts';

/** One of several models of a folder. */
export interface ModelChoice {
  /** Its folder within the opened one, as in `GraphChoice.model`. */
  path: string;
  name: string;
  graphs: GraphChoice[];
}

/** The models of the graphs of a folder, by name. */
export function modelsOf(folder: string, graphs: readonly GraphChoice[]): ModelChoice[] {
  const found = new Map<string, ModelChoice>();
  for (const graph of graphs) {
    const path = graph.model;
    const known = found.get(path);
    if (known) known.graphs.push(graph);
    else found.set(path, { path, name: modelName({ name: folder }, path), graphs: [graph] });
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Graphs of the same model as one of them. */
export function siblings(graphs: readonly GraphChoice[], path: string): GraphChoice[] {
  const model = graphs.find((graph) => graph.path === path)?.model;
  return graphs.filter((graph) => graph.path !== path && graph.model === model);
}
