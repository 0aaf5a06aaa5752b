// `prune`: writes the pruned folder and checks what was written, as the page's export does.

import { exportManifest } from '../model/manifest.ts';
import { openModel } from '../model/open.ts';
import type { Engine } from '../runtime/device.ts';
import { nodeLoader } from '../runtime/ort.node.ts';
import { VERIFY_TOKENS, verifyExport } from '../runtime/verify.ts';
import { openWasm } from '../runtime/wasmEngine.ts';
import { VERSION } from '../version.ts';
import { oneOf, parseBlocks, parseCommand, UsageError } from './args.ts';
import { nodeFolder } from './nodeFolder.ts';
import { openFolder, openForCommand, openSession } from './open.ts';
import { status, statusDone, writeJson } from './output.ts';
import { writeFolder } from './writeFolder.ts';

export async function prune(words: string[]): Promise<number> {
  const { folder: path, values } = parseCommand(words, {
    remove: { type: 'string' },
    out: { type: 'string' },
    model: { type: 'string' },
    device: { type: 'string' },
    json: { type: 'string' },
  });
  if (values.out === undefined) throw new UsageError('Name the folder to write: --out <dir>.');
  if (values.remove === undefined) throw new UsageError('Name the blocks to remove: --remove 3,7 (or --remove "" for none).');
  const device = oneOf(values.device, 'device', ['wasm', 'webgpu']) ?? 'wasm';
  const removed = parseBlocks(values.remove);
  const folder = await openFolder(path);
  const opened = await openForCommand(folder, values.model);
  const manifest = await exportManifest(opened, removed, { app: VERSION });
  await writeFolder(values.out, manifest.files, folder, (done, total) => status(`write ${done}/${total} bytes`));
  statusDone();

  const { vocabSize, canScore } = opened.summary;
  // Spread token ids: verification needs any text, and a folder may have no tokenizer.
  const window = Array.from({ length: VERIFY_TOKENS }, (_, t) => (t * 7919 + 3) % Math.max(1, vocabSize));
  const routed = canScore ? await openSession(opened, device) : null;
  const engine: Engine = routed?.engine ?? (await openWasm(nodeLoader));
  const nll = routed ? await routed.session.nllPerToken(removed, window) : null;
  await routed?.session.dispose();
  const expected = { window, nll, numBlocks: opened.summary.numBlocks - removed.length, source: { opened, removed } };
  const verification = await verifyExport(await nodeFolder(values.out), manifest.graph, expected, engine);
  await engine.dispose();
  const written = await openModel(await nodeFolder(values.out), manifest.graph);
  const files = manifest.files.map((file) => ({ path: file.path, bytes: file.size }));
  if (values.json !== undefined)
    writeJson(values.json, { removed, out: values.out, files, leftOut: manifest.leftOut, summary: written.summary, verification });
  else {
    const total = files.reduce((sum, file) => sum + file.bytes, 0);
    process.stdout.write(`${values.out}: ${written.summary.numBlocks} blocks, ${(total / 1e6).toFixed(1)} MB, ${verification.status}\n`);
    for (const check of verification.checks) process.stdout.write(`  ${check.ok ? 'ok    ' : 'FAILED'} ${check.name}: ${check.detail}\n`);
  }
  return verification.status === 'failed' ? 1 : 0;
}
