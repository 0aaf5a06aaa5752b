// Reading folders: File slices, hosted ranges with and without range support, drops and picks.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serve } from '../../scripts/serve.mjs';
import { openModel } from '../model/open/open.ts';
import { openFolder } from '../node/testing/openFolder.ts';
import { casePath, samplePath } from '../testing/fixtures.ts';
import { fileFolder } from './folder.ts';
import { hostedFolder } from './hosted.ts';
import { asFolder } from './pickedFolder.ts';
import { openZip } from './zip.ts';

const bytes = (n: number, from = 0): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length: n }, (_, i) => (i + from) % 251);
const code = (name: string) => expect.objectContaining({ code: name });

describe('folder over files', () => {
  const folder = fileFolder('model', [
    { path: 'onnx/model.onnx', file: new File([bytes(1000)], 'model.onnx') },
  ]);

  it('reads ranges and counts them', async () => {
    expect(folder.files).toEqual([{ path: 'onnx/model.onnx', size: 1000 }]);
    expect(await folder.open('onnx/model.onnx')!.read(500, 20)).toEqual(bytes(20, 500));
    expect(folder.bytesRead()).toBe(20);
    expect(folder.open('model.onnx')).toBeNull();
  });

  it('gives ranges as Blobs without reading them', async () => {
    const before = folder.bytesRead();
    const blob = folder.open('onnx/model.onnx')!.blob!(500, 20)!;
    expect(new Uint8Array(await blob.arrayBuffer())).toEqual(bytes(20, 500));
    expect(folder.bytesRead()).toBe(before);
    expect(() => folder.open('onnx/model.onnx')!.blob!(990, 11)).toThrow('1000 bytes');
  });

  it('refuses ranges outside the file', async () => {
    const source = folder.open('onnx/model.onnx')!;
    for (const [offset, length] of [
      [990, 11],
      [-1, 5],
      [0, -1],
      [0.5, 1],
    ] as const)
      await expect(source.read(offset, length)).rejects.toEqual(code('corrupt-file'));
    expect((await source.read(1000, 0)).length).toBe(0);
  });

  it.each([
    [
      'was changed',
      'NotReadableError',
      0,
      'missing-file',
      'The file a was changed, moved or removed',
    ],
    ['is gone', 'NotFoundError', 0, 'missing-file', 'The file a was changed, moved or removed'],
    [
      'may not be read any more',
      'NotAllowedError',
      0,
      'missing-file',
      'the permission for the folder was withdrawn',
    ],
    [
      'does not fit the memory',
      'NotReadableError',
      1,
      'out-of-memory',
      'Memory ran out while 5 bytes of a were read',
    ],
  ])('names a file that %s', async (_, name, readable, wanted, words) => {
    const file = new File([bytes(10)], 'a');
    const slice = file.slice.bind(file);
    const refuse = () => Promise.reject(new DOMException('no', name));
    const sliced = (from: number, to: number) =>
      to - from <= readable ? slice(from, to) : { arrayBuffer: refuse };
    Object.defineProperty(file, 'slice', { value: sliced });
    const read = fileFolder('m', [{ path: 'a', file }])
      .open('a')!
      .read(0, 5);
    await expect(read).rejects.toEqual(
      expect.objectContaining({ code: wanted, message: expect.stringContaining(words) }),
    );
  });

  it('names a file that gives fewer bytes than it has', async () => {
    const file = new File([bytes(10)], 'a');
    Object.defineProperty(file, 'slice', { value: () => new Blob([bytes(3)]) });
    const read = fileFolder('m', [{ path: 'a', file }])
      .open('a')!
      .read(0, 5);
    await expect(read).rejects.toEqual(
      expect.objectContaining({ code: 'missing-file', detail: 'received 3 of 5 bytes' }),
    );
  });
});

describe('hosted folder', () => {
  const content = bytes(600_000);
  let requests = 0;
  const plain = createServer((_, response) => {
    requests++;
    response.writeHead(200).end(content);
  });
  let sample: Awaited<ReturnType<typeof serve>>;
  let plainUrl = '';

  beforeAll(async () => {
    sample = await serve(samplePath());
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    plainUrl = `http://127.0.0.1:${(plain.address() as AddressInfo).port}/deep/path`;
  });
  afterAll(async () => {
    await sample.close();
    plain.closeAllConnections();
    await new Promise((resolve) => plain.close(resolve));
  });

  it('reads the same bytes as the disk, by range, and only those', async () => {
    const disk = await openFolder(samplePath());
    const hosted = hostedFolder({ name: 'sample', baseUrl: sample.url, files: disk.files });
    const before = sample.bytesSent();
    const weights = hosted.open('onnx/model.onnx_data')!;
    expect(await weights.read(4_000_001, 5000)).toEqual(
      await disk.open('onnx/model.onnx_data')!.read(4_000_001, 5000),
    );
    expect([hosted.bytesRead(), sample.bytesSent() - before]).toEqual([5000, 5000]);
    const config = hosted.open('config.json')!;
    await Promise.all([config.read(0, 10), config.read(10, 10), config.read(0, config.size)]);
    expect(hosted.bytesRead()).toBe(5000 + config.size);
    await disk.close();
  });

  it('fetches once and whole from a host that ignores ranges', async () => {
    const hosted = hostedFolder({
      name: 'm',
      baseUrl: plainUrl,
      files: [{ path: 'w.bin', size: content.length }],
    });
    const source = hosted.open('w.bin')!;
    expect(await source.read(100_000, 50)).toEqual(content.slice(100_000, 100_050));
    expect(await source.read(599_990, 10)).toEqual(content.slice(599_990));
    expect([requests, hosted.bytesRead()]).toEqual([1, content.length]);
  });

  it('refuses a missing file, an answer of another size, and a host that is away', async () => {
    const file = { path: 'nothing.onnx', size: 10 };
    const read = (baseUrl: string) =>
      hostedFolder({ name: 'm', baseUrl, files: [file] })
        .open(file.path)!
        .read(0, 5);
    await expect(read(sample.url)).rejects.toEqual(
      expect.objectContaining({ code: 'missing-file', detail: 'HTTP 404' }),
    );
    await expect(read(plainUrl)).rejects.toEqual(
      expect.objectContaining({ detail: 'received 600000 bytes, expected 10' }),
    );
    await expect(read('http://127.0.0.1:1/')).rejects.toEqual(code('missing-file'));
  });

  it('tries again after a failure and encodes names', async () => {
    const asked: string[] = [];
    let fail = true;
    const hosted = hostedFolder(
      { name: 'm', baseUrl: 'https://host/sub', files: [{ path: 'a b/c#.json', size: 2 }] },
      async (url) => {
        asked.push(url);
        if (fail) throw new TypeError('no network');
        return new Response('{}');
      },
    );
    await expect(hosted.open('a b/c#.json')!.read(0, 2)).rejects.toEqual(code('missing-file'));
    fail = false;
    expect((await hosted.open('a b/c#.json')!.read(0, 2)).length).toBe(2);
    expect(asked).toEqual(['https://host/sub/a%20b/c%23.json', 'https://host/sub/a%20b/c%23.json']);
  });
});

describe('dropped and picked files', () => {
  const at = (path: string) => ({ path, file: new File(['x'], path.split('/').at(-1)!) });

  it('takes the common folder off the paths', () => {
    const folder = asFolder(
      [
        at('/llama/onnx/model.onnx'),
        at('./llama/config.json'),
        at('llama/.DS_Store'),
        at('llama/.git/HEAD'),
      ],
      'x',
    );
    expect([folder?.name, folder?.files.map((f) => f.path)]).toEqual([
      'llama',
      ['config.json', 'onnx/model.onnx'],
    ]);
  });

  it('passes over what systems leave, not a folder that was picked by its name', () => {
    const paths = ['m/._model.onnx', 'm/desktop.ini', 'm/THUMBS.DB', 'm/.cache/x', 'm/config.json'];
    expect(asFolder(paths.map(at), 'x')?.files.map((f) => f.path)).toEqual(['config.json']);
    const zipped = ['__MACOSX/llama/._config.json', 'llama/config.json'];
    expect(asFolder(zipped.map(at), 'x')).toMatchObject({
      name: 'llama',
      files: [{ path: 'config.json' }],
    });
    expect(asFolder([at('.cache/hub/config.json')], 'x')).toMatchObject({ name: '.cache' });
    expect(asFolder([at('m/.DS_Store')], 'x')).toBeNull();
  });

  it('reads a zip from macOS as the folder in it', async () => {
    const zip = new Blob([readFileSync(casePath('zip-from-macos/tiny-llm.zip'))]);
    const folder = await openZip(zip, 'tiny-llm.zip');
    expect(folder.name).toBe('tiny-llm');
    expect(folder.files.map(({ path }) => path).sort()).toEqual([
      'config.json',
      'onnx/model.onnx',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    const { summary } = await openModel(folder);
    expect(summary).toMatchObject({ name: 'tiny-llm', hiddenSize: 16, numBlocks: 4 });
  });

  it('keeps loose files and names a single one', () => {
    expect(asFolder([at('model.onnx'), at('config.json')], 'dropped files')?.name).toBe(
      'dropped files',
    );
    expect(asFolder([at('./model.onnx')], 'dropped files')).toMatchObject({
      name: 'model.onnx',
      files: [{ path: 'model.onnx' }],
    });
    expect(asFolder([at('a/x'), at('b/y')], 'two')?.files.map((f) => f.path)).toEqual([
      'a/x',
      'b/y',
    ]);
    expect(asFolder([], 'x')).toBeNull();
  });
});
