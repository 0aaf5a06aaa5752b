// Writes the score programs of model folders, widened to float32, and where their weights lie, for
// tools/gradlib.py: npx tsx scripts/programs.ts <folder to write> <model folder, or folder of them>...
// A folder with several graphs becomes one for each: sample--model, sample--model_q4.

import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { toReport } from '../src/errors.ts';
import { graphChoices } from '../src/model/graphs/choices.ts';
import { openModel } from '../src/model/open/open.ts';
import type { BoundProgram } from '../src/model/programs/program.ts';
import { makeScorePrograms } from '../src/model/programs/programs.ts';
import { fitted } from '../src/model/programs/widen.ts';
import { nodeFolder } from '../src/node/folder.ts';
import { BytesReader } from '../src/onnx/bytes.ts';
import { isRange } from '../src/onnx/graph.ts';
import type { Folder } from '../src/onnx/source.ts';

async function write(out: string, path: string, folder: Folder, graph: string): Promise<void> {
  const opened = await openModel(folder, graph);
  const programs = fitted(makeScorePrograms(opened, { device: 'wasm' }), false);
  mkdirSync(out, { recursive: true });
  const reader = new BytesReader(folder);
  let computed = 0;
  const bind = async (bound: BoundProgram | null) => {
    if (!bound) return null;
    const { id, bytes, inputs, outputs } = bound.program;
    writeFileSync(join(out, `${id}.onnx`), bytes);
    const weights: Record<string, object> = {};
    for (const [input, { name, type, dims, data }] of bound.weights) {
      let range: [file: string, offset: number, length: number];
      if (isRange(data)) range = [join(path, data.file), data.offset, data.length];
      else {
        const source = reader.open(data);
        const file = `computed-${computed++}.bin`;
        writeFileSync(join(out, file), await source.read(0, source.size));
        range = [file, 0, source.size];
      }
      weights[input] = { name, type, dims, range };
    }
    return { program: id, inputs, outputs, weights, sides: Object.fromEntries(bound.sides) };
  };
  const blocks = [];
  for (const block of programs.blocks) blocks.push(await bind(block));
  const { hiddenSize, vocabSize, residualType, embed, side, head } = programs;
  const all = { path, graph, hiddenSize, vocabSize, residualType, blocks };
  const others = { embed: await bind(embed), side: await bind(side), head: await bind(head) };
  writeFileSync(join(out, 'programs.json'), JSON.stringify({ ...all, ...others }));
}

const isModel = (path: string): boolean =>
  ['config.json', 'genai_config.json'].some((file) => existsSync(join(path, file)));

const [out, ...given] = process.argv.slice(2);
if (out === undefined || given.length === 0) {
  console.error('usage: npx tsx scripts/programs.ts <folder to write> <folder>...');
  process.exit(2);
}
const paths = given
  .flatMap((path) => (isModel(path) ? [path] : readdirSync(path).map((name) => join(path, name))))
  .filter((path) => statSync(path).isDirectory())
  .map((path) => resolve(path));
for (const path of paths) {
  const folder = await nodeFolder(path);
  const graphs = await graphChoices(folder);
  for (const graph of graphs) {
    const own = graphs.length > 1 ? `--${basename(graph.path, '.onnx')}` : '';
    const name = basename(path) + own;
    const failed = await write(join(out, name), path, folder, graph.path).then(
      () => null,
      (error: unknown) => toReport(error).message,
    );
    console.error(failed === null ? `written: ${name}` : `left out: ${name}: ${failed}`);
  }
  await folder.close();
}
