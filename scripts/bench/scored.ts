// The sample on the CPU, with windows of the bundled text.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { xoshiro128 } from '../../src/analysis/random.ts';
import { type OpenedModel, openModel } from '../../src/model/open/open.ts';
import { type CountingFolder, nodeFolder } from '../../src/node/folder.ts';
import type { Engine } from '../../src/runtime/device/engine.ts';
import { nodeLoader } from '../../src/runtime/device/ort.node.ts';
import { openWasm } from '../../src/runtime/device/wasmEngine.ts';
import { loadTokenizer, type Tokenizer } from '../../src/text/tokenizer.ts';
import { sampleWindows } from '../../src/text/windows.ts';

export interface SampleModel {
  folder: CountingFolder;
  opened: OpenedModel;
  engine: Engine;
  tokenizer: Tokenizer;
  /** Evenly spread over the calibration text. */
  windows(samples: number, length: number): number[][];
  close(): Promise<void>;
}

export async function openSample(root: string): Promise<SampleModel> {
  const folder = await nodeFolder(join(root, 'public/sample'));
  const opened = await openModel(folder, 'onnx/model.onnx');
  const tokenizer = loadTokenizer(
    readFileSync(join(root, 'public/sample/tokenizer.json'), 'utf8'),
    readFileSync(join(root, 'public/sample/tokenizer_config.json'), 'utf8'),
  );
  const ids = tokenizer.encode(readFileSync(join(root, 'public/text/calibration.txt'), 'utf8'));
  const engine = await openWasm(nodeLoader);
  return {
    folder,
    opened,
    engine,
    tokenizer,
    windows: (samples, length) =>
      sampleWindows({ ids, samples, length, sampler: 'even', random: xoshiro128(0), bos: null })
        .windows,
    async close() {
      await engine.dispose();
      await folder.close();
    },
  };
}
