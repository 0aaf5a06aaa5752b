// Graphs of one model that differ from what exporters usually write: nodes around the If, files in
// several folders, weights in one file.

import { describe, expect, it } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { encodeModel } from '../../onnx/codec.ts';
import { DataType, isRange, type Model, type Node } from '../../onnx/graph.ts';
import { readModel } from '../../onnx/read.ts';
import { openFile } from '../../onnx/source.ts';
import { memoryFolder } from '../../onnx/testing/text.ts';
import { fixturePath } from '../../testing/fixtures.ts';
import { manifestFolder } from '../export/folder.ts';
import { exportManifest } from '../export/manifest.ts';
import { openModel } from '../open/open.ts';
import { branchModel, findMerged, withBranches } from './branches.ts';
import { graphChoices } from './choices.ts';
import { joinEmbedding } from './joined.ts';

function node(op: string, input: string, output: string): Node {
  return {
    name: output,
    op,
    domain: '',
    inputs: [input],
    outputs: [output],
    attributes: new Map(),
  };
}

async function modelOf(name: string): Promise<Model> {
  const folder = await openFolder(fixturePath(name));
  const { model } = (await openModel(folder)).decoders[0];
  await folder.close();
  return model;
}

async function contents(name: string): Promise<Record<string, Uint8Array>> {
  const folder = await openFolder(fixturePath(name));
  const files: Record<string, Uint8Array> = {};
  for (const { path, size } of folder.files)
    files[path] = await openFile(folder, path).read(0, size);
  await folder.close();
  return files;
}

function encoded(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** The merged decoder with an Identity before every cache and after every output of the If. */
function wrapped(model: Model): Model {
  const { graph } = model;
  const merged = graph.nodes.find(({ op }) => op === 'If')!;
  const past = graph.inputs.map(({ name }) => name).filter((name) => name.startsWith('past'));
  const attributes = new Map(merged.attributes);
  for (const [key, attribute] of attributes) {
    if (attribute.kind !== 'graph') continue;
    const nodes = attribute.value.nodes.map((inner) => ({
      ...inner,
      inputs: inner.inputs.map((name) => (past.includes(name) ? `in/${name}` : name)),
    }));
    attributes.set(key, { ...attribute, value: { ...attribute.value, nodes } });
  }
  return {
    ...model,
    graph: {
      ...graph,
      nodes: [
        node('Not', 'use_cache_branch', 'chosen'),
        ...past.map((name) => node('Identity', name, `in/${name}`)),
        {
          ...merged,
          inputs: ['chosen'],
          outputs: merged.outputs.map((name) => `if/${name}`),
          attributes,
        },
        ...merged.outputs.map((name) => node('Identity', `if/${name}`, name)),
      ],
    },
  };
}

describe('a merged decoder with nodes around the If', () => {
  it('has branches with the same inputs and outputs; Not turns the choice round', async () => {
    const model = await modelOf('merged-opt-fp32');
    const plain = findMerged(model)!;
    const around = wrapped(model);
    const merged = findMerged(around)!;
    expect(merged).toEqual({ ...plain, withPastWhen: !plain.withPastWhen });
    const branch = branchModel(around, merged.withPast).graph;
    expect(branch.outputs).toEqual(model.graph.outputs);
    const made = new Set(branch.nodes.flatMap(({ outputs }) => outputs));
    expect(branch.outputs.every(({ name }) => made.has(name))).toBe(true);
    expect(made.has('chosen')).toBe(false);
  });

  it('keeps only what makes the condition outside once the branches are edited', async () => {
    const model = await modelOf('merged-opt-fp32');
    const around = wrapped(model);
    const { graph } = withBranches(around, {
      then_branch: branchModel(around, 'then_branch'),
      else_branch: branchModel(around, 'else_branch'),
    });
    expect(graph.nodes.map(({ op }) => op)).toEqual(['Not', 'If']);
    expect(graph.nodes.at(-1)!.outputs).toEqual(model.graph.outputs.map(({ name }) => name));
    const again = findMerged({ ...around, graph });
    expect(again).toEqual(findMerged(around));
  });
});

describe('files that genai_config.json names', () => {
  const NAME = 'split-genai-qwen25vl-fp32';

  async function moved(to: (path: string) => string): Promise<Record<string, Uint8Array>> {
    const files = await contents(NAME);
    const config = JSON.parse(new TextDecoder().decode(files['genai_config.json']));
    for (const section of Object.values<{ filename?: string }>(config.model))
      if (typeof section?.filename === 'string') section.filename = to(section.filename);
    const weights = /\.(onnx|data)$/;
    const entries = Object.entries(files).map(([path, bytes]) =>
      weights.test(path) ? [to(path), bytes] : [path, bytes],
    );
    return {
      ...Object.fromEntries(entries),
      'genai_config.json': encoded(config),
    };
  }

  it('may lie in a folder each', async () => {
    const files = await moved((path) => `${path.split('.')[0]}/${path}`);
    const [choice, ...more] = await graphChoices(memoryFolder(files));
    expect(more).toEqual([]);
    const before = await graphChoices(memoryFolder(await contents(NAME)));
    expect(choice!.components!.map(({ role }) => role)).toEqual(
      before[0]!.components!.map(({ role }) => role),
    );
    const { summary } = await openModel(memoryFolder(files));
    expect(summary.canScore).toBe(true);
  });

  it('may lie above the config', async () => {
    const files = await moved((path) => path);
    const [{ path } = { path: '' }] = await graphChoices(memoryFolder(files));
    const below = [path, `${path}.data`, 'genai_config.json'];
    const config = JSON.parse(new TextDecoder().decode(files['genai_config.json']));
    for (const section of Object.values<{ filename?: string }>(config.model))
      if (typeof section?.filename === 'string' && section.filename !== path)
        section.filename = `../${section.filename}`;
    const written = { ...files, 'genai_config.json': encoded(config) };
    const folder = memoryFolder(
      Object.fromEntries(
        Object.entries(written).map(([name, bytes]) => [
          below.includes(name) ? `cpu/${name}` : name,
          bytes,
        ]),
      ),
    );
    const opened = await openModel(folder);
    expect(opened.summary.canScore).toBe(true);
    const { files: exported } = await exportManifest(opened, [1], { app: 'test' });
    const paths = exported.map((file) => file.path);
    expect(paths).toContain(`cpu/${path}`);
    for (const component of opened.components) expect(paths).toContain(component.path);
  });

  it('are named where they are missing', async () => {
    const files = await contents(NAME);
    const [{ components } = { components: [] }] = await graphChoices(memoryFolder(files));
    const lost = components!.find(({ role }) => role === 'embedding')!.path;
    delete files[lost];
    const { summary } = await openModel(memoryFolder(files));
    expect(summary.canScore).toBe(false);
    const said = summary.problems.find(({ code }) => code === 'named-files')?.message;
    expect(said).toContain(`names ${lost}, which is not in the folder`);
  });
});

describe('an embedding graph', () => {
  it('adds only what the decoder takes', async () => {
    const folder = await openFolder(fixturePath('split-smolvlm-q4'));
    const opened = await openModel(folder);
    const { model } = opened.decoders[0];
    const ids = { name: 'ids', type: DataType.int64, dims: ['b', 's'] };
    const joined = joinEmbedding(
      {
        ...model,
        graph: {
          name: 'embedding',
          nodes: [
            node('Cast', 'ids', 'inputs_embeds'),
            node('Size', 'ids', 'count'),
            node('Identity', 'count', 'tokens'),
          ],
          initializers: new Map(),
          inputs: [ids],
          outputs: [
            { name: 'inputs_embeds', type: DataType.float, dims: ['b', 's', 64] },
            { name: 'tokens', type: DataType.int64, dims: [] },
          ],
          valueInfo: new Map(),
        },
      },
      model,
      'inputs_embeds',
    );
    expect(joined.graph.nodes.length).toBe(model.graph.nodes.length + 1);
    await folder.close();
  });

  it('may end in an Identity of which the decoder takes the size', async () => {
    const files = await contents('split-smolvlm-q4');
    const path = 'onnx/embed_tokens_q4.onnx';
    const folder = memoryFolder(files);
    const { graph, ...rest } = await readModel(folder, path);
    const nodes = graph.nodes.map((other) => ({
      ...other,
      outputs: other.outputs.map((name) => (name === 'inputs_embeds' ? 'rows' : name)),
    }));
    const inline = new Map<object, Uint8Array>();
    for (const tensor of graph.initializers.values())
      if (isRange(tensor.data))
        inline.set(
          tensor,
          await openFile(folder, tensor.data.file).read(tensor.data.offset, tensor.data.length),
        );
    nodes.push(node('Identity', 'rows', 'inputs_embeds'));
    files[path] = encodeModel({ ...rest, graph: { ...graph, nodes } }, (t) => inline.get(t)!);
    const { structure, summary } = await openModel(memoryFolder(files));
    expect(structure.cuts[0]).toBe('inputs_embeds');
    expect(summary.canScore).toBe(true);
    expect(structure.blocks.every(({ unremovable }) => unremovable === null)).toBe(true);
  });

  it('may keep its weights in the data file of the decoder', async () => {
    const files = await contents('split-smolvlm-q4');
    const folder = memoryFolder(files);
    const opened = await openModel(folder);
    const shared = 'decoder_model_merged_q4.onnx_data';
    const bytes: number[] = [];
    const moved = async (model: Model): Promise<Uint8Array> => {
      const places = new Map<object, { location: string; offset: number; length: number }>();
      for (const tensor of model.graph.initializers.values()) {
        if (!isRange(tensor.data)) continue;
        const { file, offset, length } = tensor.data;
        places.set(tensor, { location: shared, offset: bytes.length, length });
        for (const byte of await openFile(folder, file).read(offset, length)) bytes.push(byte);
      }
      return encodeModel(model, (tensor) => places.get(tensor)!);
    };
    const parts = ['onnx/decoder_model_merged_q4.onnx', 'onnx/embed_tokens_q4.onnx'];
    for (const path of parts) files[path] = await moved(await readModel(folder, path));
    files[`onnx/${shared}`] = new Uint8Array(bytes);
    const source = memoryFolder(files);
    const model = await openModel(source);
    expect(model.summary.numBlocks).toBe(opened.summary.numBlocks);
    const manifest = await exportManifest(model, [1], { app: 'test' });
    const paths = manifest.files.map(({ path }) => path);
    expect(paths.filter((path) => path.includes('onnx_data')).sort()).toEqual([
      `onnx/${shared}`,
      `onnx/${shared}_1`,
    ]);
    expect(new Set(paths).size).toBe(paths.length);
    const exported = await openModel(manifestFolder(manifest, source), manifest.graph);
    expect(exported.summary.canScore).toBe(true);
  });
});
