// The paths as a table: a row per number of removed blocks, a column per path.

import { listUnits } from '../../state/plan/unitWords.ts';
import { type PathPoint, pathsView } from '../../state/search/selectors.ts';
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
  const counts = [
    ...new Set(series.flatMap(({ points }) => points.map(({ count }) => count))),
  ].sort((a, b) => a - b);
  return (
    <div>
      <div className={css.scroll}>
        <DataTable
          testId="search-table"
          caption="Perplexity by number of removed blocks"
          captionHidden
          className={css.table}
          columns={[
            { key: 'removed', title: 'removed' },
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
                  hovered={hover === `${name}/${count}`}
                  onHover={onHover}
                />
              ))}
            </tr>
          ))}
        </DataTable>
      </div>
      <p className={kit.sub}>
        The small number is the block removed at that step. Click a perplexity to use its plan.
        {counts.some((count) => !Number.isInteger(count)) && ' A sublayer counts as half a block.'}
      </p>
    </div>
  );
}

interface CellsProps {
  id: string;
  label: string;
  point: PathPoint | undefined;
  hovered: boolean;
  onHover(id: string | null): void;
}

function Cells({ id, label, point, hovered, onHover }: CellsProps) {
  const present = useStudio((state) => state.plan.present.removed.join());
  const actions = useActions();
  if (!point) return <td colSpan={2} />;
  const plan = point.removed.length > 0 ? `without ${listUnits(point.removed)}` : 'with all blocks';
  const ppl = point.nll === null ? 'not measured' : formatPpl(point.nll);
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
