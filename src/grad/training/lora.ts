// Adapters in the units of a plan: one program for each structural class, and its factors in each
// block.

import { listed } from '../../model/export/markdown.ts';
import type { BoundProgram, Program } from '../../model/programs/program.ts';
import { programModel } from '../../model/programs/programModel.ts';
import { blockOf, sublayerOf, type Unit } from '../../units.ts';
import { inPlace } from '../gradientPrograms.ts';
import { type ReadWeight, weightRoles } from '../roles.ts';
import { remember } from '../runs.ts';
import { inputValues } from '../shapes/programInputs.ts';
import { partsOf } from '../taps.ts';
import { type Adapter, adaptersOf, factorDims, withAdapters } from './adapters.ts';
import type { TrainedUnit, TrainingMethod } from './options.ts';
import type { Parameter } from './parameters.ts';
import { type Context, plain, programOf, runningIn } from './plan.ts';
import { type Exempt, type FoundProducts, findProducts, valuesOf } from './products.ts';
import { rebound } from './trainedWeights.ts';

/** An adapter and the stored matrix of its product. */
interface Placed {
  adapter: Adapter;
  tensor: string;
}

export class Lora {
  private readonly context: Context;
  private readonly method: Extract<TrainingMethod, { method: 'lora' }>;
  private readonly classes = new Map<string, { forward: Program; training: Program }>();
  private readonly products = new Map<string, FoundProducts>();
  private readonly left = new Set<Exempt | 'matrices that several blocks share'>();
  private mixed = false;

  constructor(context: Context, method: Lora['method']) {
    this.context = context;
    this.method = method;
  }

  /** What is left as it is in the units so far, as phrases to show. */
  get notes(): string[] {
    return [
      ...(this.left.size > 0 ? [`${listed([...this.left])} stay as they are`] : []),
      ...(this.mixed
        ? ['query, key and value have one adapter where their columns alternate']
        : []),
    ];
  }

  /** @throws EspalierError `unsupported-op` naming the block and an operator that is not known */
  unit(unit: Unit): TrainedUnit {
    const block = blockOf(unit);
    return inPlace(`block ${block}`, () => {
      const bound = programOf(this.context.programs, unit);
      const placed = this.placed(bound, block);
      if (placed.length === 0) return plain(unit, bound);
      const { forward, training } = this.adapted(bound, placed);
      const first = rebound(forward, bound);
      return {
        unit,
        block,
        parameters: this.parameters(unit, placed),
        forward: first,
        training: training === forward ? first : rebound(training, bound),
      };
    });
  }

  private placed(bound: BoundProgram, block: number): Placed[] {
    const { structure, options } = this.context;
    const linear = weightRoles(structure, bound, block).filter(({ kind }) => kind === 'linear');
    const roles = linear.filter(({ blocks }) => runningIn(blocks, options.kept) < 2);
    if (roles.length < linear.length) this.left.add('matrices that several blocks share');
    const { products, exempt } = this.found(bound, roles);
    for (const reason of exempt.values()) this.left.add(reason);
    const split = this.method.matrices === 'split';
    this.mixed ||= split && products.some((product) => product.mixed);
    const names = new Map(roles.map(({ weight, name }) => [weight, name]));
    return adaptersOf(products, split).map((adapter) => ({
      adapter,
      tensor: names.get(adapter.product.weight) ?? '',
    }));
  }

  private found(bound: BoundProgram, roles: readonly ReadWeight[]): FoundProducts {
    const { options, runs } = this.context;
    const linear = roles.map(({ weight }) => weight);
    const key = JSON.stringify([runs.key(bound, options.run), linear]);
    return remember(this.products, key, () => {
      const { run, sides, stateSize, past } = runs.values(options.run);
      const values = valuesOf(bound.program, inputValues(bound, run, sides, stateSize, past));
      return findProducts(programModel(bound.program), new Set(linear), values);
    });
  }

  /** The programs with the adapters, shared by blocks of one class. */
  private adapted({ program }: BoundProgram, placed: readonly Placed[]) {
    const adapters = placed.map(({ adapter }) => adapter);
    const where = adapters.map(({ product, columns }) => [product.y, columns]);
    const { rank, scale, matrices, dropout } = this.method;
    return remember(this.classes, JSON.stringify([program.id, where]), () => {
      const id = `lora-${rank}-${scale}-${matrices}-${program.id}-${this.classes.size}`;
      const made = (masked: boolean): Program => {
        const form = { rank, scale, dropout: masked };
        const name = masked ? `${id}-dropout` : id;
        return withAdapters(program, programModel(program), adapters, form, name);
      };
      const forward = made(false);
      return { forward, training: dropout ? made(true) : forward };
    });
  }

  private parameters(unit: Unit, placed: readonly Placed[]): Parameter[] {
    const { programs, options } = this.context;
    const block = blockOf(unit);
    // A sublayer alone starts from the numbers that it would start from in its block.
    const whole =
      sublayerOf(unit) === null ? placed : this.placed(programOf(programs, block), block);
    const slots = new Map(whole.map((one, slot) => [placeOf(one), slot]));
    return placed.flatMap((one) => {
      const { adapter, tensor } = one;
      const { columns } = adapter;
      const slot = slots.get(placeOf(one)) ?? 0;
      const dims = factorDims(adapter, this.method.rank);
      return (['a', 'b'] as const).map((role): Parameter => {
        const input = `${adapter.name}/${role}`;
        const parts = partsOf(input, dims[role], options.maxBufferBytes);
        return {
          ...{ name: `${block}/${input}`, block, input, role, dims: dims[role], tensor },
          ...{ slot, columns, weight: null, parts },
        };
      });
    });
  }
}

const placeOf = ({ adapter, tensor }: Placed): string => `${adapter.columns.join()} ${tensor}`;
