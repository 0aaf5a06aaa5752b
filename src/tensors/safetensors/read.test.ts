import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../errors.ts';
import { diskFolder } from '../../onnx/testing/diskFolder.ts';
import { memoryFolder } from '../../onnx/testing/text.ts';
import { fixturePath } from '../../testing/fixtures.ts';
import { readSafetensors } from './read.ts';
import { repeatedKey } from './repeatedKey.ts';
import { safetensorsBytes, safetensorsFile } from './write.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A file with a header as it is given, and so many bytes of data. */
function fileOf(header: unknown, data: number): Uint8Array {
  const text = utf8(typeof header === 'string' ? header : JSON.stringify(header));
  const out = new Uint8Array(8 + text.length + data);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true);
  out.set(text, 8);
  return out;
}

const F32 = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

async function refusal(
  files: Readonly<Record<string, Uint8Array | string>>,
  path = 'model.safetensors',
): Promise<EspalierError> {
  const read = readSafetensors(memoryFolder(files), path);
  const error = await read.then(
    () => new Error('it was read'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof EspalierError)) throw error;
  return error;
}

describe('a checkpoint in safetensors', () => {
  it('is opened by its headers alone', async () => {
    for (const [name, path, files] of [
      ['hf-llama-fp32', 'model.safetensors', 1],
      ['hf-llama-sharded', 'model.safetensors.index.json', 4],
    ] as const) {
      const folder = diskFolder(fixturePath(name));
      const found = await readSafetensors(folder, path);
      const heads = found.files.reduce((sum, { dataStart }) => sum + dataStart, 0);
      const index = found.index === null ? 0 : folder.open(found.index)!.size;
      expect(folder.read.bytes).toBe(heads + index);
      expect([found.files.length, found.tensors.size]).toEqual([files, 48]);
      expect(found.files.map(({ metadata }) => metadata.format)).toEqual(Array(files).fill('pt'));
    }
  });

  it('is found by one of its shards, with and without the index', async () => {
    const folder = diskFolder(fixturePath('hf-llama-sharded'));
    const shard = 'model-00003-of-00004.safetensors';
    const whole = await readSafetensors(folder, shard);
    expect(whole.index).toBe('model.safetensors.index.json');
    const files = folder.files.filter(({ path }) => !path.endsWith('.index.json'));
    const without = await readSafetensors(
      {
        ...folder,
        files,
        open: (path) => (path.endsWith('.index.json') ? null : folder.open(path)),
      },
      shard,
    );
    expect(without.index).toBeNull();
    expect([...without.tensors]).toEqual([...whole.tensors]);
  });

  it('has tensors of any type, scalars and empty ones', async () => {
    const bytes = safetensorsBytes(
      [
        { name: 'flag', type: 'BOOL', shape: [3], data: new Uint8Array(3) },
        { name: 'scalar', type: 'BF16', shape: [], data: new Uint8Array(2) },
        { name: '__proto__', type: 'I64', shape: [1], data: new Uint8Array(8) },
        { name: 'none', type: 'F16', shape: [0, 4], data: new Uint8Array(0) },
        { name: 'few', type: 'F4', shape: [2, 3], data: new Uint8Array(3) },
      ],
      { '12': 'é' },
    );
    const { tensors, files } = await readSafetensors(
      memoryFolder({ 'a.safetensors': bytes }),
      'a.safetensors',
    );
    // Larger elements first, so that each begins at a multiple of its size.
    expect([...tensors.values()].map(({ name, type, shape }) => [name, type, shape])).toEqual([
      ['__proto__', 'I64', [1]],
      ['scalar', 'BF16', []],
      ['none', 'F16', [0, 4]],
      ['flag', 'BOOL', [3]],
      ['few', 'F4', [2, 3]],
    ]);
    expect(files[0]!.dataStart % 8).toBe(0);
    expect(files[0]!.metadata).toEqual({ '12': 'é' });
  });
});

describe('what is no checkpoint in safetensors', () => {
  const one = (header: unknown, data: number) => ({ 'model.safetensors': fileOf(header, data) });
  it.each<[string, Record<string, Uint8Array>, RegExp]>([
    ['too short', { 'model.safetensors': new Uint8Array(5) }, /5 bytes/],
    ['a pointer', { 'model.safetensors': utf8('version https://git-lfs') }, /is a Git LFS pointer/],
    ['cut in its header', { 'model.safetensors': fileOf('{}', 0).slice(0, 9) }, /header alone/],
    ['no JSON', one('{"a":', 0), /not valid JSON/],
    ['a list', one('[]', 0), /does not begin/],
    ['not UTF-8', { 'model.safetensors': new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0, 255]) }, /UTF-8/],
    ['a name twice', one('{"a":1,"\\u0061":2}', 0), /“a” twice/],
    ['metadata of numbers', one({ __metadata__: { a: 1 } }, 0), /__metadata__/],
    ['no dtype', one({ a: { shape: [], data_offsets: [0, 4] } }, 4), /without a dtype/],
    ['negative', one({ a: F32(0, 4, [-1]) }, 4), /without a shape/],
    ['no offsets', one({ a: { dtype: 'F32', shape: [1], data_offsets: [0] } }, 4), /data_offsets/],
    ['another size', one({ a: F32(0, 8, [3]) }, 8), /8 bytes, where F32 of \[3\] has 12/],
    ['half a byte', one({ a: { dtype: 'F4', shape: [3], data_offsets: [0, 1] } }, 1), /no whole/],
    ['huge', one({ a: F32(0, 4, [2 ** 40, 2 ** 40]) }, 4), /Infinity/],
    ['a gap', one({ a: F32(0, 4), b: F32(8, 12) }, 12), /gap before the tensor b/],
    ['an overlap', one({ a: F32(0, 8), b: F32(4, 12) }, 12), /overlap with the tensor b/],
    ['cut in its data', one({ a: F32(0, 8) }, 4), /end at byte/],
    ['followed by more', one({ a: F32(0, 4) }, 8), /end at byte/],
  ])('is refused: %s', async (_, files, message) => {
    const { code, message: text } = await refusal(files);
    expect([code, text]).toEqual(['corrupt-file', expect.stringMatching(message)]);
  });

  it('is refused by the name of a type that is not known', async () => {
    const header = { a: { dtype: 'F3_E1M1', shape: [8], data_offsets: [0, 3] } };
    const { code, message } = await refusal(one(header, 3));
    expect([code, message]).toEqual([
      'unsupported-graph',
      expect.stringContaining('a in model.safetensors has the type F3_E1M1'),
    ]);
  });

  it('is an index that the shards do not fit', async () => {
    const index = (map: unknown) => JSON.stringify({ weight_map: map });
    const shards = {
      'a.safetensors': fileOf({ x: F32(0, 4) }, 4),
      'b.safetensors': fileOf({ y: F32(0, 4) }, 4),
    };
    const path = 'model.safetensors.index.json';
    const all = (map: unknown) => ({ ...shards, [path]: index(map) });
    for (const [files, code, message] of [
      [{ [path]: '{}' }, 'corrupt-file', /no weight_map/],
      [
        all({ x: 'c.safetensors', z: 'd.safetensors', y: 'b.safetensors' }),
        'missing-file',
        /2 of 3/,
      ],
      [all({ x: '../a.safetensors' }), 'corrupt-file', /no safetensors file beside it/],
      [all({ x: 7 }), 'corrupt-file', /x is in 7/],
      [all({ x: 'b.safetensors', y: 'b.safetensors' }), 'corrupt-file', /does not have it/],
      [all({ x: 'b.safetensors', y: 'a.safetensors' }), 'corrupt-file', /and it is in/],
      [
        {
          ...all({ x: 'a.safetensors', y: 'b.safetensors' }),
          'b.safetensors': shards['a.safetensors'],
        },
        'corrupt-file',
        /has the tensor x, as a.safetensors has/,
      ],
    ] as const) {
      const refused = await refusal(files, path);
      expect([refused.code, refused.message]).toEqual([code, expect.stringMatching(message)]);
    }
  });

  it('is a shard whose others are not there', async () => {
    const path = 'model-00002-of-00003.safetensors';
    const { code, message } = await refusal({ [path]: fileOf({}, 0) }, path);
    expect([code, message]).toEqual([
      'missing-file',
      expect.stringMatching(/one of 3 shards, and 1 of them .*model-00001-of-00003/),
    ]);
  });
});

it('a tensor is not written with bytes of another length', () => {
  const wrong = { name: 'a', type: 'F32', shape: [2], data: new Uint8Array(4) };
  expect(() => safetensorsFile([wrong])).toThrow('F32 of [2], was to be written with 4 bytes');
});

it('a key that occurs twice is found in the object that has it', () => {
  expect(repeatedKey('{"a":{"b":[{"c":":"},{"c":1}]},"b":"\\"a\\":"}')).toBeNull();
  expect(repeatedKey('{"a":{"b":1,"c":{},"b":2}}')).toBe('b');
  expect(repeatedKey('{"\\\\":1,"\\u005c":2}')).toBe('\\');
});
