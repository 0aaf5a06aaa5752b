// Writes an adapter with made-up values for tools/check_peft.py, and the likelihoods of the model
// with it: npx tsx scripts/peft.ts <folder> <graph> <removed> <original> <out>.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WeightChange } from '../src/model/healing/healing.ts';
import { peftAdapter } from '../src/model/healing/peft/adapter.ts';
import { blockProducts } from '../src/model/healing/peft/products.ts';
import { healingOf, lowRank } from '../src/model/healing/testing/synthetic.ts';
import { keptBlocks } from '../src/model/interop/remarks.ts';
import { openModel } from '../src/model/open/open.ts';
import { nodeFolder } from '../src/node/folder.ts';
import { nodeLoader } from '../src/runtime/device/ort.node.ts';
import { openWasm } from '../src/runtime/device/wasmEngine.ts';
import { ScoreSession } from '../src/runtime/score/session.ts';
import { spreadIds } from '../src/spreadIds.ts';
import { parseUnit } from '../src/units.ts';

const [path, graph, plan, original, out] = process.argv.slice(2);
if (path === undefined || graph === undefined || original === undefined || out === undefined) {
  console.error('usage: npx tsx scripts/peft.ts <folder> <graph> <removed> <original> <out>');
  process.exit(2);
}
const removed = (plan ?? '').split(',').flatMap((text) => parseUnit(text) ?? []);
const folder = await nodeFolder(path);
const opened = await openModel(folder, graph);
const kept = keptBlocks(removed, opened.structure.blocks.length);
const changes = blockProducts(opened.structure, kept).flatMap((products, index) =>
  products.map(({ tensor, inputs, outputs }, slot): WeightChange => {
    // Ranks differ, and so do the values of every matrix.
    const shape = { inputs, outputs, rank: 2 + (slot % 2), size: 0.1, seed: 16 * index + slot };
    return lowRank(tensor, kept[index]!, shape);
  }),
);
const healing = healingOf(removed, changes);
const window = spreadIds(32, opened.summary.vocabSize);
const engine = await openWasm(nodeLoader);
const session = ScoreSession.open(opened, engine);
const pruned = [...(await session.nllPerToken(removed, window))];
const nll = [...(await session.nllPerToken(removed, window, undefined, undefined, healing))];
await session.dispose();
await engine.dispose();
mkdirSync(out, { recursive: true });
for (const { path: name, bytes } of peftAdapter(opened, healing, original).files)
  writeFileSync(join(out, name), bytes);
writeFileSync(join(out, 'expected.json'), JSON.stringify({ removed, window, pruned, nll }));
await folder.close();
process.exit(0);
