// Magnitudes: the sample's goldens, and every dequantisation against ONNX Runtime's own on the real
// exports.

import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../errors.ts';
import type { CountingFolder } from '../../node/folder.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { encodeModel } from '../../onnx/codec.ts';
import { DataType, intAttribute, isRange, type Node, type Tensor } from '../../onnx/graph.ts';
import { fixturePath, golden, samplePath, wholeCorpus } from '../../testing/fixtures.ts';
import { type OpenedModel, openModel } from '../open/open.ts';
import { cutSubgraph } from '../programs/subgraph.ts';
import { countedTensors } from './linear.ts';
import { type BlockMagnitudes, measureMagnitudes } from './magnitude.ts';

/** Made by tools/sample_golden.py from the PyTorch weights. */
interface MagnitudeGolden {
  mag_l1_linear: number[];
  mag_l2_linear: number[];
  mag_l1_with_norms: number[];
  mag_l2_with_norms: number[];
}

async function withModel<T>(
  path: string,
  graph: string | undefined,
  use: (opened: OpenedModel, folder: CountingFolder) => Promise<T>,
): Promise<T> {
  const folder = await openFolder(path);
  try {
    return await use(await openModel(folder, graph), folder);
  } finally {
    await folder.close();
  }
}

const magnitudesOf = (path: string, graph?: string): Promise<BlockMagnitudes> =>
  withModel(path, graph, (opened) => measureMagnitudes(opened));

function largestRatio(found: readonly number[], expected: readonly number[]): number {
  return found.length === expected.length
    ? Math.max(...found.map((value, k) => Math.abs(value / expected[k]! - 1)))
    : Number.NaN;
}

describe('the sample', () => {
  it('has the golden magnitudes within 1e-5, and reads each byte once', async () => {
    const expected = golden<MagnitudeGolden>('sample');
    await withModel(samplePath(), 'onnx/model.onnx', async (opened, folder) => {
      const before = folder.bytesRead();
      const told: [number, number][] = [];
      const found = await measureMagnitudes(opened, {
        onBytes: (...progress) => told.push(progress),
      });
      expect(largestRatio(found.l1, expected.mag_l1_linear)).toBeLessThan(1e-5);
      expect(largestRatio(found.l2, expected.mag_l2_linear)).toBeLessThan(1e-5);
      expect(largestRatio(found.l1WithNorms, expected.mag_l1_with_norms)).toBeLessThan(1e-5);
      expect(largestRatio(found.l2WithNorms, expected.mag_l2_with_norms)).toBeLessThan(1e-5);
      expect(folder.bytesRead() - before).toBe(found.bytesRead);
      expect(told.at(-1)).toEqual([found.bytesRead, found.bytesRead]);
      const stored = countedTensors(opened.structure).reduce(
        (sum, { tensor }) => sum + (isRange(tensor.data) ? tensor.data.length : 0),
        0,
      );
      expect(found.bytesRead / stored).toBeGreaterThanOrEqual(1);
      expect(found.bytesRead / stored).toBeLessThan(1.01);
    });
  });

  it('in 4 bits has nearly those of its floats', async () => {
    const expected = golden<MagnitudeGolden>('sample');
    const found = await magnitudesOf(samplePath(), 'onnx/model_q4.onnx');
    expect(largestRatio(found.l1, expected.mag_l1_linear)).toBeLessThan(0.02);
    expect(largestRatio(found.l2, expected.mag_l2_linear)).toBeLessThan(0.02);
  });
});

describe('the job', () => {
  const cut = (
    opened: OpenedModel,
    change: (folder: OpenedModel['folder']) => Partial<OpenedModel['folder']>,
  ): OpenedModel => ({
    ...opened,
    folder: {
      name: opened.folder.name,
      files: opened.folder.files,
      open: (path) => opened.folder.open(path),
      ...change(opened.folder),
    },
  });

  it('is cancelled between reads', async () => {
    await withModel(samplePath(), 'onnx/model.onnx', async (opened) => {
      const signal = { aborted: false };
      const running = measureMagnitudes(opened, {
        signal,
        onBytes: () => {
          signal.aborted = true;
        },
      });
      await expect(running).rejects.toMatchObject({ code: 'cancelled' });
    });
  });

  it('names a file that is gone, and passes on what a read throws', async () => {
    await withModel(samplePath(), 'onnx/model.onnx', async (opened) => {
      await expect(
        measureMagnitudes(cut(opened, () => ({ open: () => null }))),
      ).rejects.toMatchObject({
        code: 'missing-file',
        message: expect.stringContaining('model.onnx_data'),
      });
      const failing = cut(opened, () => ({
        open: () => ({
          size: 1,
          read: () => Promise.reject(new EspalierError('corrupt-file', 'Torn.')),
        }),
      }));
      await expect(measureMagnitudes(failing)).rejects.toMatchObject({
        code: 'corrupt-file',
        message: 'Torn.',
      });
    });
  });

  it('holds few bytes at a time: no read is above 8 MiB, and three are ahead', async () => {
    await withModel(samplePath(), 'onnx/model.onnx', async (opened) => {
      let [open, most, longest] = [0, 0, 0];
      const watched = cut(opened, (folder) => ({
        open: (path) => {
          const source = folder.open(path)!;
          const read = async (offset: number, length: number) => {
            open += 1;
            most = Math.max(most, open);
            longest = Math.max(longest, length);
            const bytes = await source.read(offset, length);
            open -= 1;
            return bytes;
          };
          return { size: source.size, read };
        },
      }));
      await measureMagnitudes(watched);
      expect(longest).toBeLessThanOrEqual(8 * 2 ** 20);
      expect(most).toBe(3);
    });
  });

  it('counts a matrix that blocks share in each of them, and reads it once', async () => {
    await withModel(fixturePath('optimum-llama-fp32'), undefined, async (opened) => {
      const before = await measureMagnitudes(opened);
      const products = opened.structure.graph.nodes.flatMap((node, position) =>
        node.op === 'MatMul' && opened.structure.constants.has(node.inputs[1]!)
          ? [{ node, block: opened.structure.region[position]! - 1 }]
          : [],
      );
      const [first, second] = [0, 1].map((block) => products.find((one) => one.block === block)!);
      const own = second!.node.inputs[1]!;
      second!.node.inputs[1] = first!.node.inputs[1]!;
      const after = await measureMagnitudes(opened);
      second!.node.inputs[1] = own;
      expect(after.l1[0]).toBe(before.l1[0]);
      expect(after.l1[1]).not.toBe(before.l1[1]);
      expect(after.bytesRead).toBeLessThan(before.bytesRead);
      const alone = await measureMagnitudes(opened);
      expect(alone).toEqual(before);
    });
  });

  it('refuses weights that it cannot follow, naming them', async () => {
    await withModel(fixturePath('optimum-llama-fp32'), undefined, async (opened) => {
      const { structure } = opened;
      const at = structure.graph.nodes.findIndex(
        (node, p) =>
          structure.region[p] === 1 &&
          node.op === 'MatMul' &&
          structure.constants.has(node.inputs[1]!),
      );
      const weight = structure.graph.nodes[at]!.inputs[1]!;
      const cone: Node = {
        name: 'cone',
        op: 'Relu',
        domain: '',
        inputs: [weight],
        outputs: ['rectified'],
        attributes: new Map(),
      };
      const nodes = [...structure.graph.nodes, cone].map((node, p) =>
        p === at ? { ...node, inputs: [node.inputs[0]!, 'rectified'] } : node,
      );
      const changed = {
        ...structure,
        graph: { ...structure.graph, nodes },
        constants: new Set([...structure.constants, 'rectified']),
        producer: new Map([...structure.producer, ['rectified', nodes.length - 1]]),
        region: Int32Array.of(...structure.region, -1),
      };
      await expect(measureMagnitudes({ ...opened, structure: changed })).rejects.toMatchObject({
        code: 'unsupported-op',
        message: expect.stringMatching(/"rectified" of MatMul .* it comes out of Relu/),
      });
    });
  });
});

/** The values of a constant operand of a node as ONNX Runtime computes them. */
async function dequantised(opened: OpenedModel, node: Node): Promise<number[]> {
  const { structure, folder } = opened;
  const read = async (tensor: Tensor): Promise<Tensor> => {
    if (!isRange(tensor.data)) return tensor;
    const bytes = await folder.open(tensor.data.file)!.read(tensor.data.offset, tensor.data.length);
    return { ...tensor, data: bytes };
  };
  const constant = (slot: number): boolean => structure.constants.has(node.inputs[slot] ?? '');
  const slot = constant(1) ? 1 : 0;
  const wanted = node.op === 'MatMul' || node.op === 'Gemm' ? node.inputs[slot]! : 'product';
  const nodes: Node[] = [];
  const inputs: { name: string; type: number; dims: null }[] = [];
  const feeds: Record<string, OrtTensor> = {};
  const operands =
    wanted === 'product' ? node.inputs.filter((x) => structure.constants.has(x)) : [wanted];
  const subgraph = cutSubgraph(structure, structure.graph.nodes, operands, () => false);
  nodes.push(...subgraph.nodes);
  const weight = structure.graph.initializers.get(node.inputs[slot]!);
  let factor = 1;
  if (wanted === 'product') {
    // The identity times the matrix is the matrix.
    const integer = node.op === 'MatMulInteger';
    const size = integer ? weight!.dims[0]! : intAttribute(node, 'K')!;
    const half =
      node.op === 'MatMulNBits' &&
      subgraph.initializers.get(node.inputs[2]!)?.type === DataType.float16;
    const identity = Array.from({ length: size * size }, (_, k) => (k % (size + 1) === 0 ? 1 : 0));
    const floatType = half ? DataType.float16 : DataType.float;
    inputs.push({ name: 'identity', type: integer ? DataType.uint8 : floatType, dims: null });
    const dims = [size, size];
    if (integer) feeds.identity = new OrtTensor('uint8', identity, dims);
    else if (half) {
      const halves = Uint16Array.from(identity, (v) => v * 0x3c00);
      feeds.identity = new OrtTensor('float16', halves, dims);
    } else feeds.identity = new OrtTensor('float32', identity, dims);
    const attributes = new Map(node.attributes);
    attributes.delete('accuracy_level');
    const operandsOfNode = node.inputs.with(0, 'identity');
    if (integer && operandsOfNode.length > 2) operandsOfNode[2] = '';
    nodes.push({ ...node, attributes, inputs: operandsOfNode, outputs: [wanted] });
    if (integer) {
      // As ONNX Runtime's quantizer names it; the product looks for it by data flow.
      const scale = structure.graph.initializers.get(
        node.inputs[1]!.replace(/_quantized$/, '_scale'),
      )!;
      factor = new Float32Array(((await read(scale)).data as Uint8Array).slice().buffer)[0]!;
    }
  }
  const initializers = new Map<string, Tensor>();
  for (const [name, tensor] of subgraph.initializers) initializers.set(name, await read(tensor));
  // Results in float32, whatever they are in.
  nodes.push({
    name: 'cast',
    op: 'Cast',
    domain: '',
    inputs: [wanted],
    outputs: ['result'],
    attributes: new Map([['to', { name: 'to', kind: 'int', value: DataType.float }]]),
  });
  const graph = {
    name: 'subgraph',
    nodes,
    initializers,
    inputs,
    outputs: [{ name: 'result', type: DataType.float, dims: null }],
    valueInfo: new Map(),
  };
  const bytes = encodeModel({ ...structure.model, graph }, () => {
    throw new Error('all bytes are inline');
  });
  const session = await InferenceSession.create(bytes, { graphOptimizationLevel: 'disabled' });
  const { result } = await session.run(feeds);
  await session.release();
  return Array.from(result!.data as Float32Array, (value) => value * factor);
}

const LINEAR = new Set(['MatMul', 'Gemm', 'MatMulNBits', 'MatMulInteger']);

/** Every precision and exporter; float16 sums of ONNX Runtime's are rounded value by value. */
const FOLDERS = wholeCorpus()
  .filter((row) => row.supported && row.folder !== 'genai-lfm2-fp32-cpu')
  .map(({ folder, file, dtype }) => ({
    folder,
    path: fixturePath(folder),
    file,
    tolerance: /16|int4/.test(dtype) ? 1e-4 : 1e-5,
  }));

describe.each([
  ...FOLDERS,
  { folder: 'sample in 4 bits', path: samplePath(), file: 'onnx/model_q4.onnx', tolerance: 1e-5 },
])('$folder', ({ path, file, tolerance }) => {
  it('has the magnitudes of what ONNX Runtime dequantises', async () => {
    await withModel(path, file, async (opened) => {
      const { structure } = opened;
      const found = await measureMagnitudes(opened);
      const l1 = structure.blocks.map(() => 0);
      const l2 = structure.blocks.map(() => 0);
      for (const [position, node] of structure.graph.nodes.entries()) {
        const block = structure.region[position]! - 1;
        if (block < 0 || block > 1 || !LINEAR.has(node.op)) continue;
        if (
          !node.inputs.some((x) => structure.content.has(x)) ||
          !node.inputs.slice(0, 2).some((x) => structure.constants.has(x))
        )
          continue;
        for (const value of await dequantised(opened, node)) {
          l1[block]! += Math.abs(value);
          l2[block]! += value * value;
        }
      }
      expect(largestRatio(found.l1.slice(0, 2), l1.slice(0, 2))).toBeLessThan(tolerance);
      expect(largestRatio(found.l2.slice(0, 2), l2.slice(0, 2))).toBeLessThan(tolerance);
      for (const [b, value] of found.l1WithNorms.entries())
        expect(value).toBeGreaterThan(found.l1[b]!);
    });
  });
});
