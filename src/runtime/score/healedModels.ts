// The healed models of a session: programs with changed weights, and what was measured with them.

import type { Measure } from '../../contract/score.ts';
import { EspalierError } from '../../errors.ts';
import type { Healing } from '../../model/healing/healing.ts';
import { healedPrograms } from '../../model/healing/programs.ts';
import type { ScorePrograms } from '../../model/programs/program.ts';
import type { Structure } from '../../model/structure/structure.ts';
import { formatUnits, sortUnits, type Unit } from '../../units.ts';
import type { ScoringContext } from '../pass/scoringContext.ts';

/** A healing with the programs that run its weights. */
export interface HealedModel {
  id: string;
  programs: ScorePrograms;
}

export class HealedModels {
  private readonly context: ScoringContext;
  private readonly structure: Structure;
  /** The last one: what follows is mostly measured with the same. */
  private last: HealedModel | null = null;
  private readonly known = new Map<string, Measure>();

  constructor(context: ScoringContext, structure: Structure) {
    this.context = context;
    this.structure = structure;
  }

  /**
   * Runs `work` with the weights of a healing at hand, or without one.
   * @param removed the plan, checked and sorted
   * @param together the original runs as well
   * @throws EspalierError `bad-input` for a healing of another plan or model; as `healedPrograms`
   *   and `ScoringContext.withHealed`
   */
  async runs<T>(
    healing: Healing | undefined,
    removed: readonly Unit[],
    { signal, together = false }: { signal: AbortSignal | undefined; together?: boolean },
    work: (healed?: HealedModel) => Promise<T>,
  ): Promise<T> {
    if (!healing) return work();
    const healed = this.of(healing, removed);
    const { programs } = healed;
    return this.context.withHealed({ programs, together }, signal, () => work(healed));
  }

  /** What was measured of this plan with this healing on the windows in use; null when nothing. */
  measured({ id }: Healing, removed: readonly Unit[]): Measure | null {
    return this.known.get(`${id} ${formatUnits(removed)}`) ?? null;
  }

  remember({ id, removed }: Healing, measure: Measure): void {
    this.known.set(`${id} ${formatUnits(sortUnits(removed))}`, measure);
  }

  /** The windows have changed. */
  clear(): void {
    this.known.clear();
  }

  private of(healing: Healing, removed: readonly Unit[]): HealedModel {
    if (formatUnits(sortUnits(healing.removed)) !== formatUnits(removed))
      throw new EspalierError(
        'bad-input',
        `The healing belongs to the model without ${inWords(healing.removed)}, and the plan ` +
          `removes ${inWords(removed)}.`,
        'Choose a healing of this plan, or heal it.',
      );
    if (this.last?.id !== healing.id) {
      const { structure, context } = this;
      const programs = healedPrograms(context.chain.programs, structure, healing.changes);
      this.last = { id: healing.id, programs };
    }
    return this.last;
  }
}

const inWords = (removed: readonly Unit[]): string =>
  removed.length === 0 ? 'nothing' : formatUnits(removed);
