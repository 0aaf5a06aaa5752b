// The paths as a table: a row per number of removed blocks, a column per path.

import { listUnits } from '../../state/plan/unitWords.ts';
import { type PathPoint, pathsView } from '../../state/search/selectors.ts';
import { SEARCH_WORDS } from '../../words/compare.ts';
import { formatPpl } from '../format.ts';
import { DataTable } from '../kit/DataTable.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import css from './search.module.css';

interface Props {
  hover: string | null;
  onHover(id: string | null): void;
}

export function SearchTable({ hover, onHover }: Props) {
  const { series } = useStudio(pathsView);
  const lowestAt = (count: number) =>
    Math.min(
      ...series.flatMap(({ points }) =>
        points.flatMap((one) => (one.count === count && one.nll !== null ? [one.nll] : [])),
      ),
    );
  const counts = [
    ...new Set(series.flatMap(({ points }) => points.map(({ count }) => count))),
  ].sort((a, b) => a - b);
  return (
    <div>
      <div className={css.scroll}>
        <DataTable
          testId="search-table"
          caption={SEARCH_WORDS.tableCaption}
          captionHidden
          className={css.table}
          columns={[
            { key: 'removed', title: SEARCH_WORDS.removed },
            ...series.map(({ name, label }) => ({ key: name, title: label, span: 2 })),
          ]}
        >
          {counts.map((count) => (
            <tr key={count}>
              <th scope="row">{count}</th>
              {series.map(({ name, label, points }) => (
                <Cells
                  key={name}
                  id={`${name}/${count}`}
                  label={label}
                  point={points.find((one) => one.count === count)}
                  lowest={lowestAt(count)}
                  hovered={hover === `${name}/${count}`}
                  onHover={onHover}
                />
              ))}
            </tr>
          ))}
        </DataTable>
      </div>
      <p className={kit.sub}>
        {SEARCH_WORDS.how}
        {counts.some((count) => !Number.isInteger(count)) && ` ${SEARCH_WORDS.halves}`}
      </p>
    </div>
  );
}

interface CellsProps {
  id: string;
  label: string;
  point: PathPoint | undefined;
  /** Lowest NLL of its row. */
  lowest: number;
  hovered: boolean;
  onHover(id: string | null): void;
}

function Cells({ id, label, point, lowest, hovered, onHover }: CellsProps) {
  const present = useStudio((state) => state.plan.present.removed.join());
  const actions = useActions();
  if (!point) return <td colSpan={2} />;
  const plan = point.removed.length > 0 ? `without ${listUnits(point.removed)}` : 'with all blocks';
  const ppl = point.nll === null ? SEARCH_WORDS.notMeasured : formatPpl(point.nll);
  return (
    <>
      <td className={css.block}>
        {point.block !== null && <span title="the block removed at this step">{point.block}</span>}
      </td>
      <td>
        <button
          type="button"
          className={kit.quiet}
          aria-label={`${label}, ${plan}: perplexity ${ppl}. Use this plan`}
          aria-pressed={point.removed.join() === present}
          title={`Use the plan ${plan}`}
          data-hover={hovered}
          data-best={point.nll === lowest && point.count > 0}
          data-testid={`path-${id}`}
          onClick={() => actions.takePath(point.removed)}
          onPointerEnter={() => onHover(id)}
          onPointerLeave={() => onHover(null)}
          onFocus={() => onHover(id)}
          onBlur={() => onHover(null)}
        >
          {point.nll === null ? '–' : ppl}
        </button>
      </td>
    </>
  );
}
