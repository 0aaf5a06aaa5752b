// Fetches the files of an exported folder for contestants that need them in memory.

import type { Served } from './contract.ts';

export function addressOf(served: Served, path = ''): string {
  return new URL(`/models/${served.name}/${path}`, globalThis.location.href).href;
}

/** The graph and the files beside it whose names begin with its name: its external data. */
export async function graphFiles(
  served: Served,
): Promise<{ graph: Uint8Array; data: { path: string; data: Uint8Array }[] }> {
  const read = async (path: string): Promise<Uint8Array> =>
    new Uint8Array(await (await fetch(addressOf(served, path))).arrayBuffer());
  const directory = served.graph.slice(0, served.graph.lastIndexOf('/') + 1);
  const beside = served.files
    .map(({ path }) => path)
    .filter((path) => path !== served.graph && path.startsWith(served.graph));
  const data = await Promise.all(
    beside.map(async (path) => ({ path: path.slice(directory.length), data: await read(path) })),
  );
  return { graph: await read(served.graph), data };
}
