// The programs of a healed model: those of the model, with changed weights bound in place of the
// stored ones. No program is new, so nothing is compiled, and what has not changed is shared.

import { EspalierError } from '../../errors.ts';
import { derive, keyOf } from '../../onnx/bytes.ts';
import type { Bytes, DerivedRange } from '../../onnx/source.ts';
import { isOfOther } from '../programs/compare/comparisonHead.ts';
import {
  type BoundProgram,
  type ScorePrograms,
  traitsOf,
  type WeightRef,
} from '../programs/program.ts';
import { programModel } from '../programs/programModel.ts';
import type { Structure } from '../structure/structure.ts';
import type { WeightChange } from './healing.ts';
import { changedBytes } from './storedWeights.ts';
import { usesOf, type WeightUses } from './weightUses.ts';

/**
 * The programs with other bytes for the changed weights, in the type in which they are stored. What
 * reads none of them is the same object as in `programs`; what does has the same program with other
 * weights. Of a table that is looked up and multiplied by, the product alone changes.
 * @param structure what the programs were cut from
 * @throws EspalierError as `changedBytes`; `bad-input` for a weight that no program reads
 */
export function healedPrograms(
  programs: ScorePrograms,
  structure: Structure,
  changes: readonly WeightChange[],
): ScorePrograms {
  return reboundPrograms(programs, structure, changedBytes(structure, changes));
}

/**
 * The programs with other bytes for stored ones, each as long as what it stands for.
 * @param changed by block (null: outside of the blocks, for what multiplies by them) and by `keyOf`
 *   the stored bytes
 * @param looked what token ids are looked up in, by `keyOf` the stored bytes
 * @throws EspalierError `bad-input` for a weight that no program reads
 */
export function reboundPrograms(
  programs: ScorePrograms,
  structure: Structure,
  changed: ReadonlyMap<number | null, ReadonlyMap<string, Bytes>>,
  looked: ReadonlyMap<string, Bytes> = new Map(),
): ScorePrograms {
  const uses = usesOf(structure);
  const weights = new ChangedWeights(changed, uses);
  const { side, tokenSide } = programs;
  const tables = lookups(programs.embed);
  const multiplied = weights.bind(programs.embed, null, tables);
  const embed = looked.size > 0 ? withTables(multiplied, tables, looked, uses) : multiplied;
  const blocks = programs.blocks.map((bound, block) => weights.bind(bound, block));
  const head = weights.bind(programs.head, null);
  weights.requireAllFound();
  let sublayers: ScorePrograms['sublayers'];
  let compare: BoundProgram | null = null;
  return {
    ...traitsOf(programs),
    embed,
    side,
    tokenSide,
    blocks,
    get sublayers() {
      sublayers ??=
        programs.sublayers?.map(
          (pair, block) =>
            pair && {
              attn: pair.attn && weights.bind(pair.attn, block),
              ffn: pair.ffn && weights.bind(pair.ffn, block),
            },
        ) ?? [];
      return sublayers;
    },
    head,
    get compare() {
      compare ??= head === programs.head ? programs.compare : compareApart(programs, weights);
      return compare;
    },
  };
}

/** The first block whose weights differ; the number of blocks where none does. */
export function firstChangedBlock(programs: ScorePrograms, healed: ScorePrograms): number {
  const first = programs.blocks.findIndex((bound, block) => bound !== healed.blocks[block]);
  return first < 0 ? programs.blocks.length : first;
}

/** Replaces stored bytes wherever a program reads them, also where they are converted first. */
class ChangedWeights {
  /** By block (null: outside of the blocks) and key of the stored bytes. */
  private readonly changed: ReadonlyMap<number | null, ReadonlyMap<string, Bytes>>;
  private readonly uses: WeightUses;
  private readonly found = new Set<Bytes>();

  constructor(changed: ReadonlyMap<number | null, ReadonlyMap<string, Bytes>>, uses: WeightUses) {
    this.changed = changed;
    this.uses = uses;
  }

  /** @param kept inputs whose weights stay */
  bind(
    bound: BoundProgram,
    block: number | null,
    kept: ReadonlySet<string> = new Set(),
  ): BoundProgram {
    let differs = false;
    const weights = new Map<string, WeightRef>();
    for (const [input, ref] of bound.weights) {
      const data = kept.has(input)
        ? null
        : this.replaced(ref.data, (key) => this.bytesFor(key, ref, block));
      if (data && data.length !== ref.data.length)
        throw new EspalierError(
          'bug',
          `The weight "${ref.name}" has ${ref.data.length} bytes, after healing ${data.length}.`,
        );
      weights.set(input, data ? { ...ref, data } : ref);
      differs ||= data !== null;
    }
    return differs ? { ...bound, weights } : bound;
  }

  /** @throws EspalierError `bad-input` where a changed weight was in no program */
  requireAllFound(): void {
    for (const [block, bytes] of this.changed)
      for (const changed of bytes.values())
        if (!this.found.has(changed))
          throw new EspalierError(
            'bad-input',
            `The healing changes a weight ${place(block)} that cannot be measured here: no score ` +
              'program reads it.',
            'Measure the exported folder instead.',
          );
  }

  /**
   * What a block reads changes with it; what it borrows (the keys and values of another block)
   * changes with its owner.
   */
  private bytesFor(key: string, { name }: WeightRef, block: number | null): Bytes | undefined {
    const own = this.changed.get(block)?.get(key);
    if (own || block === null) return own;
    if (this.uses.of(name).some((use) => use.block === block)) return undefined;
    const owners = [...this.changed].filter(([other]) => other !== null);
    return owners.map(([, bytes]) => bytes.get(key)).find((bytes) => bytes !== undefined);
  }

  /** The bytes after the change, or null where they do not come from changed ones. */
  private replaced(data: Bytes, bytesFor: (key: string) => Bytes | undefined): Bytes | null {
    const next = bytesFor(keyOf(data));
    if (next) {
      this.found.add(next);
      return next;
    }
    if (data instanceof Uint8Array || !('from' in data)) return null;
    const { transform, parameters, sources, label } = data.from;
    const inner = sources.map((source) => this.replaced(source, bytesFor));
    if (inner.every((source) => source === null)) return null;
    const all = sources.map((source, k) => inner[k] ?? source);
    const { from } = derive(transform, all, label, parameters) as DerivedRange;
    return { from, offset: data.offset, length: data.length };
  }
}

/** The embedding with other bytes for what it looks rows up in, and for nothing else. */
function withTables(
  embed: BoundProgram,
  tables: ReadonlySet<string>,
  looked: ReadonlyMap<string, Bytes>,
  uses: WeightUses,
): BoundProgram {
  const weights = new ChangedWeights(new Map([[null, looked]]), uses);
  const others = [...embed.weights.keys()].filter((input) => !tables.has(input));
  const bound = weights.bind(embed, null, new Set(others));
  weights.requireAllFound();
  return bound;
}

/** Original and plan, each with the weights of its own head. */
function compareApart({ compareApart: bound }: ScorePrograms, weights: ChangedWeights) {
  if (!bound) throw new EspalierError('bug', 'There is no program that compares two heads.');
  return weights.bind(bound, null, ofOriginal(bound));
}

/** Weights of the head that the original runs with, where two heads are compared. */
function ofOriginal({ weights }: BoundProgram): ReadonlySet<string> {
  return new Set([...weights].flatMap(([input, { name }]) => (isOfOther(name) ? [] : [input])));
}

/** Inputs that a program looks rows up in, and reads in no other way. */
function lookups({ program }: BoundProgram): ReadonlySet<string> {
  const { nodes } = programModel(program).graph;
  const reads = nodes.flatMap(({ op, inputs }) => inputs.map((input) => ({ op, input })));
  const others = new Set(reads.filter(({ op }) => !op.startsWith('Gather')).map((r) => r.input));
  return new Set(reads.map(({ input }) => input).filter((input) => !others.has(input)));
}

const place = (block: number | null): string =>
  block === null ? 'outside of the blocks' : `of block ${block}`;
