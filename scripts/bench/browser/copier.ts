// A worker that writes a large file as an export does and as a plain copy does, in turn.

import { expose } from 'comlink';
import { fileFolder } from '../../../src/files/folder.ts';
import { saveFolder, saveZip } from '../../../src/files/save.ts';
import type { ManifestFile } from '../../../src/model/export/graphFiles.ts';
import type { CopierApi, Copies } from './contract.ts';

const PATH = 'model.onnx_data';
/** Tensors of the file; one of them is left out, as in an export without a block. */
const TENSORS = 32;
const CHUNK_BYTES = 4 * 2 ** 20;

const api: CopierApi = {
  async copies({ bytes, turns }) {
    const root = await navigator.storage.getDirectory();
    const source = await make(root, bytes);
    const length = bytes / TENSORS;
    const kept = Array.from({ length: TENSORS }, (_, k) => k).filter((k) => k !== TENSORS / 2);
    const output: ManifestFile = {
      path: PATH,
      size: kept.length * length,
      parts: kept.map((k) => ({ file: PATH, offset: k * length, length })),
    };
    const job = { files: [output], source: fileFolder('source', [{ path: PATH, file: source }]) };
    const ways: [keyof Omit<Copies, 'bytes'>, () => Promise<void>][] = [
      ['folder', async () => void (await saveFolder(root, 'out', job))],
      [
        'copy',
        async () =>
          source
            .slice(0, output.size)
            .stream()
            .pipeTo(await (await root.getFileHandle('out', CREATE)).createWritable()),
      ],
      ['zip', async () => saveZip(await root.getFileHandle('out', CREATE), 'out', job)],
    ];
    const found: Copies = { bytes: output.size, folder: [], zip: [], copy: [] };
    for (let turn = -1; turn < turns; turn++)
      for (const k of ways.keys()) {
        // Each is first equally often.
        const [name, write] = ways[(k + turn + 1) % ways.length]!;
        const started = performance.now();
        await write();
        if (turn >= 0) found[name].push((performance.now() - started) / 1000);
        await root.removeEntry('out', { recursive: true });
      }
    await root.removeEntry(PATH);
    return found;
  },
};

const CREATE = { create: true };

/** A file of noise on the browser's disk. */
async function make(root: FileSystemDirectoryHandle, bytes: number): Promise<File> {
  const noise = new Uint32Array(CHUNK_BYTES / 4);
  for (let k = 0; k < noise.length; k++) noise[k] = Math.imul(k + 1, 2654435761);
  const handle = await root.getFileHandle(PATH, CREATE);
  const writable = await handle.createWritable();
  for (let at = 0; at < bytes; at += CHUNK_BYTES) await writable.write(noise);
  await writable.close();
  return handle.getFile();
}

expose(api);
