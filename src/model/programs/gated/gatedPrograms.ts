// The programs of a narrower model: those of the model with gates in front of o and down, which let
// nothing through of what is removed, and FLAP's compensation behind them. Weights stay as they
// are, so whatever can be scored can be scored narrower.

import { EspalierError } from '../../../errors.ts';
import { DataType, type Node } from '../../../onnx/graph.ts';
import { narrowed } from '../../../onnx/half.ts';
import { countOperators } from '../../../onnx/operators.ts';
import type { Structure } from '../../structure/structure.ts';
import { widthBlocks } from '../../width/find.ts';
import type { BlockCut, BlockWidth, WidthPlan } from '../../width/types.ts';
import {
  type BoundProgram,
  type Program,
  type ProgramInput,
  type ScorePrograms,
  traitsOf,
  type WeightRef,
} from '../program.ts';
import { encodeInline, programModel } from '../programModel.ts';
import { makeNode } from '../rewrites.ts';
import { type WidthSite, widthSites } from './sites.ts';

/**
 * The programs with what a plan takes out of each block multiplied by zero before o and down, which
 * computes what the narrower model computes. Blocks that lose nothing are those of `programs`;
 * whole blocks can be removed besides, halves of blocks cannot.
 * @throws EspalierError `bad-input` for a plan of another model; `unsupported-graph` for a half
 *   that cannot be narrowed
 */
export function gatedPrograms(
  programs: ScorePrograms,
  structure: Structure,
  plan: WidthPlan,
): ScorePrograms {
  const widths = widthBlocks(structure);
  if (plan.blocks.length !== programs.blocks.length || widths.length !== plan.blocks.length)
    throw new EspalierError(
      'bad-input',
      `The width plan is of ${plan.blocks.length} blocks, the model has ${programs.blocks.length}.`,
      'Plan the width again with this model.',
    );
  return withBlocks(
    programs,
    programs.blocks.map((bound, block) =>
      gatedBlock(structure, bound, widths[block]!, plan.blocks[block]!),
    ),
  );
}

/** The programs with others for the blocks; without sublayers. */
export function withBlocks(
  programs: ScorePrograms,
  blocks: readonly BoundProgram[],
): ScorePrograms {
  const { embed, side, tokenSide, head } = programs;
  return {
    ...traitsOf(programs),
    ...{ embed, side, tokenSide, blocks, head },
    // An accessor: it is made on first access.
    get compare() {
      return programs.compare;
    },
  };
}

/**
 * One block without what `cut` takes out of it; the same program where it takes out nothing.
 * @throws EspalierError as `gatedPrograms`
 */
export function gatedBlock(
  structure: Structure,
  bound: BoundProgram,
  width: BlockWidth,
  cut: BlockCut,
): BoundProgram {
  const sites = widthSites(structure, bound, width);
  const gates: Gate[] = [];
  const add = (
    site: WidthSite | null,
    removed: readonly number[],
    count: number,
    bias: Float32Array | null,
    what: string,
  ): void => {
    if (removed.length === 0 && bias === null) return;
    if (!site) throw unsupported(width);
    gates.push({ site, kept: keptColumns(site, removed, count, width.block, what), bias });
  };
  const { attention, feedForward } = width;
  add(sites.attention, cut.groups, attention?.groups ?? 0, cut.attentionBias, 'key-value group');
  add(sites.feedForward, cut.channels, feedForward?.channels ?? 0, cut.feedForwardBias, 'channel');
  if (gates.length === 0) return bound;
  const weights = new Map(bound.weights);
  for (const { site, kept, bias } of gates) {
    weights.set(gateName(site), vector(`gate of ${site.weight}`, kept, site.type));
    if (!bias) continue;
    if (bias.length !== site.outputs)
      throw new EspalierError(
        'bad-input',
        `The compensation of block ${width.block} has ${bias.length} values for ${site.outputs}.`,
        'Plan the width again with this model.',
      );
    weights.set(biasName(site), vector(`compensation of ${site.weight}`, bias, site.type));
  }
  return { ...bound, program: gatedProgram(bound.program, gates), weights };
}

interface Gate {
  site: WidthSite;
  /** 1 for columns that stay, 0 for others. */
  kept: Float32Array;
  bias: Float32Array | null;
}

function keptColumns(
  site: WidthSite,
  removed: readonly number[],
  count: number,
  block: number,
  what: string,
): Float32Array {
  for (const one of removed)
    if (!(Number.isInteger(one) && one >= 0 && one < count))
      throw new EspalierError(
        'bad-input',
        `The width plan removes ${what} ${one} of block ${block}, which has ${count}.`,
        'Plan the width again with this model.',
      );
  const gone = new Set(removed);
  return Float32Array.from(site.owners, (owner) => (gone.has(owner) ? 0 : 1));
}

function unsupported({ block, obstacles }: BlockWidth): EspalierError {
  return new EspalierError(
    'unsupported-graph',
    obstacles[0] ?? `Block ${block} cannot be made narrower.`,
    'Remove whole blocks of this model in its place.',
  );
}

function vector(name: string, values: Float32Array, type: WidthSite['type']): WeightRef {
  const floats = new Uint8Array(values.slice().buffer);
  const beyond = (value: number): number => {
    throw new EspalierError(
      'bad-input',
      `The ${name} holds ${value}, which float16 cannot.`,
      'Measure this model without compensation, or as float32.',
    );
  };
  const data = type === 'float16' ? narrowed(floats, beyond) : floats;
  return { name, type, dims: [values.length], byteLength: data.length, data };
}

const gateName = ({ weight }: WidthSite): string => `gate/${weight}`;
const biasName = ({ weight }: WidthSite): string => `compensation/${weight}`;

/** Programs of the same form are one object, and so one session. */
const made = new WeakMap<Program, Map<string, Program>>();

function gatedProgram(program: Program, gates: readonly Gate[]): Program {
  const form = gates
    .map(({ site, bias }) => `${site.weight}${bias ? '-compensated' : ''}`)
    .join('-');
  const known = made.get(program) ?? new Map<string, Program>();
  made.set(program, known);
  const gated = known.get(form) ?? withGates(program, gates, `${program.id}-gated-${form}`);
  known.set(form, gated);
  return gated;
}

function withGates(program: Program, gates: readonly Gate[], id: string): Program {
  const model = programModel(program);
  const { graph } = model;
  const inputs: ProgramInput[] = [...program.inputs];
  const declare = (name: string, { type }: WidthSite, width: number): void => {
    inputs.push({ name, type, source: { kind: 'weight' } });
    graph.inputs.push({ name, type: TYPES[type], dims: [width] });
  };
  const before = new Map<number, Node>();
  const behind = new Map<number, Node>();
  for (const { site, bias } of gates) {
    const product = graph.nodes[site.position]!;
    const gate = gateName(site);
    declare(gate, site, site.inputs);
    before.set(site.position, makeNode('Mul', [product.inputs[0] ?? '', gate], [`${gate}/out`]));
    product.inputs = [`${gate}/out`, ...product.inputs.slice(1)];
    if (!bias) continue;
    const name = biasName(site);
    declare(name, site, site.outputs);
    const [output = ''] = product.outputs;
    product.outputs = [`${name}/in`];
    behind.set(site.position, makeNode('Add', [`${name}/in`, name], [output]));
  }
  graph.nodes = graph.nodes.flatMap((node, at) =>
    [before.get(at), node, behind.get(at)].filter((one) => one !== undefined),
  );
  graph.name = id;
  return { ...program, id, bytes: encodeInline(model), inputs, ops: countOperators(graph) };
}

const TYPES = { float32: DataType.float, float16: DataType.float16 } as const;
