// What a refit changes in a pruned model, decided before anything runs: products, and refusals by
// name.

import type { RefitSettings } from '../../contract/heal.ts';
import { EspalierError } from '../../errors.ts';
import { type RefitProduct, refitProduct } from '../../grad/refit/product.ts';
import { listed } from '../../model/export/markdown.ts';
import { findWeight } from '../../model/healing/storedWeights.ts';
import { usesOf, type WeightUses } from '../../model/healing/weightUses.ts';
import type { BoundProgram, ScorePrograms } from '../../model/programs/program.ts';
import { beforeWidening } from '../../model/programs/widen.ts';
import type { Structure } from '../../model/structure/structure.ts';
import { keyOf } from '../../onnx/bytes.ts';
import type { Bytes } from '../../onnx/source.ts';
import { blockOf, formatUnits, type Unit } from '../../units.ts';
import { allPrograms } from '../weights/stages.ts';
import { type RefitOrder, type RefitTarget, refitOrder, unitInWords } from './refitTargets.ts';

/** A target with its product. */
export interface RefitPart extends RefitTarget {
  /** The program of its unit. */
  bound: BoundProgram;
  product: RefitProduct;
  /** Name of the stored matrix. */
  tensor: string;
}

export interface RefitParts {
  order: RefitOrder;
  parts: RefitPart[];
  /** Runs that nothing can make up for, blocks that cannot be refitted; sentences. */
  notes: string[];
}

/** Reads no weights. @param programs in float32, see `fitted` */
export function refitParts(job: {
  structure: Structure;
  programs: ScorePrograms;
  removed: readonly Unit[];
  settings: Pick<RefitSettings, 'all'>;
}): RefitParts {
  const { structure, programs, removed, settings } = job;
  const order = refitOrder(programs.blocks.length, removed, settings.all);
  const notes: string[] = [];
  if (order.first.length > 0)
    notes.push(
      `Nothing comes before ${unitsInWords(order.first)}, so nothing is refitted in its place.`,
    );
  const users = usersOf(programs);
  const uses = usesOf(structure);
  const parts = order.targets.flatMap((target): RefitPart[] => {
    const { unit, run, wanted } = target;
    const refused = (why: string): [] => {
      const place = run.length > 0 ? ` before ${unitsInWords(run)}` : '';
      notes.push(`${capital(unitInWords(unit))}${place} is not refitted: ${why}.`);
      return [];
    };
    if (wanted.insideBlock && !programs.sublayers?.[wanted.cut]?.attn)
      return refused(`the state inside of block ${wanted.cut} cannot be computed alone`);
    const bound =
      typeof unit === 'number'
        ? programs.blocks[unit]
        : programs.sublayers?.[blockOf(unit)]?.[unit.endsWith('attn') ? 'attn' : 'ffn'];
    if (!bound) return refused('it cannot be run alone');
    const { product, obstacle } = refitProduct(bound, programs);
    if (!product) return refused(obstacle);
    const { name, data } = bound.weights.get(product.matrix.weight)!;
    const tensor = tensorName(structure, beforeWidening(data)) ?? name;
    const others = [...(users.get(keyOf(beforeWidening(data))) ?? [])].filter(
      (user) => user !== blockOf(unit),
    );
    if (others.length > 0)
      return refused(`its matrix ${tensor} is read by ${listed(others.map(userInWords))} too`);
    const fixed = cannotChange(uses, tensor, blockOf(unit));
    if (fixed !== null) return refused(fixed);
    if (!product.exact)
      notes.push(
        `In ${unitInWords(unit)}, ${tensor} is refitted: the last product that is added to the ` +
          'residual stream as it is. What comes after it in the block reads it too, so that the ' +
          'least squares hold only about there.',
      );
    return [{ ...target, bound, product, tensor }];
  });
  return { order, parts, notes };
}

/** Why a healing cannot change a weight, as the end of a sentence; null where it can. */
function cannotChange(uses: WeightUses, tensor: string, block: number): string | null {
  try {
    findWeight(uses, { tensor, block });
    return null;
  } catch (error) {
    if (!(error instanceof EspalierError) || error.code === 'bug') throw error;
    return error.message.replace(/\.$/, '').replace(/^The /, 'the ');
  }
}

/** Places that read each stored tensor, by key: blocks, and 'other' for all else. */
function usersOf(programs: ScorePrograms): Map<string, Set<number | 'other'>> {
  const users = new Map<string, Set<number | 'other'>>();
  for (const bound of allPrograms(programs)) {
    const block = programs.blocks.indexOf(bound);
    for (const { data } of bound.weights.values()) {
      const key = keyOf(beforeWidening(data));
      users.set(key, (users.get(key) ?? new Set()).add(block < 0 ? 'other' : block));
    }
  }
  return users;
}

const userInWords = (user: number | 'other'): string =>
  user === 'other' ? 'the embedding or the head' : `block ${user}`;

function tensorName({ graph }: Structure, data: Bytes): string | null {
  const key = keyOf(data);
  for (const [name, tensor] of graph.initializers) if (keyOf(tensor.data) === key) return name;
  return null;
}

function unitsInWords(units: readonly Unit[]): string {
  const [only] = units;
  if (units.length === 1 && only !== undefined) return unitInWords(only);
  return `the removed ${formatUnits(units)}`;
}

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
