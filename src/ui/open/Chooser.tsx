// Asks which model of a folder to open, and which graph of it: precision, path, size, what loads
// it, and a recommendation.

import type { GraphChoice } from '../../model/open/summary.ts';
import { formatBytes } from '../../quantities.ts';
import { adviseGraphs } from '../../state/open/graphAdvice.ts';
import { type ModelChoice, modelsOf } from '../../state/open/models.ts';
import { CHOOSER } from '../../words/open.ts';
import { Dialog } from '../kit/Dialog.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import { useFirstFocus } from '../useFirstFocus.ts';
import css from './chooser.module.css';

export function Chooser() {
  const chooser = useStudio((state) => state.model.chooser);
  const actions = useActions();
  if (!chooser) return null;
  const models = modelsOf(chooser.name, chooser.graphs);
  const model = models.find(({ path }) => path === chooser.model);
  const graphs = areGraphs(chooser.graphs);
  return (
    <Dialog
      title={model ? CHOOSER.title(model.name, graphs) : CHOOSER.models(chooser.name)}
      onClose={actions.closeChooser}
      testId="chooser"
    >
      <ErrorNotice place="open" />
      <p>{model ? adviceOf(graphs) : CHOOSER.severalModels}</p>
      {model ? <Graphs graphs={model.graphs} /> : <Models models={models} />}
      {model && models.length > 1 && (
        <div className={kit.row}>
          <button
            type="button"
            className={kit.quiet}
            data-testid="other-models"
            onClick={() => void actions.chooseModel(null)}
          >
            {CHOOSER.back}
          </button>
        </div>
      )}
    </Dialog>
  );
}

const adviceOf = (graphs: boolean): string => (graphs ? CHOOSER.advice : CHOOSER.adviceFiles);

const areGraphs = (choices: readonly GraphChoice[]): boolean =>
  choices.every(({ format }) => format === undefined);

function Models({ models }: { models: readonly ModelChoice[] }) {
  const actions = useActions();
  return (
    <ul className={css.models}>
      {models.map(({ path, name, graphs }) => (
        <li key={path}>
          <button
            type="button"
            data-testid={`model-${path}`}
            onClick={() => void actions.chooseModel(path)}
          >
            <span>
              <b>{name}</b>
              <span className={css.use}>{path}</span>
            </span>
            <span className={css.size}>
              {formatBytes(graphs.reduce((sum, { bytes }) => sum + bytes, 0))}
              <span className={css.use}>
                {CHOOSER.ofModel(graphFiles(graphs), areGraphs(graphs))}
              </span>
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}

const fileName = ({ path }: { path: string }): string => path.slice(path.lastIndexOf('/') + 1);

function Graphs({ graphs: all }: { graphs: readonly GraphChoice[] }) {
  const actions = useActions();
  const best = useFirstFocus<HTMLButtonElement>();
  const graphs = adviseGraphs(all);
  return (
    <>
      <ul className={css.graphs}>
        {graphs.map(({ path, dtype, bytes, components = [], use, recommended }) => (
          <li key={path}>
            <button
              ref={recommended ? best : undefined}
              type="button"
              data-testid={`graph-${path}`}
              data-recommended={recommended}
              onClick={() => void actions.chooseGraph(path)}
            >
              <b>{dtype || CHOOSER.unknownType}</b>
              <span>
                {path}
                {components.length > 0 && (
                  <span className={css.use}>{CHOOSER.together(components.map(fileName))}</span>
                )}
                <span className={css.use}>{use}</span>
              </span>
              <span className={css.size}>
                {formatBytes(bytes)}
                {recommended && <span className={css.best}>{CHOOSER.recommended}</span>}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {graphs.some(({ recommended }) => recommended) && (
        <p className={kit.note}>{CHOOSER.reason}</p>
      )}
    </>
  );
}

/** Graph files of a model: decoders of every precision, and what belongs to them. */
function graphFiles(graphs: readonly GraphChoice[]): number {
  const paths = graphs.flatMap(({ path, components = [] }) => [
    path,
    ...components.map((component) => component.path),
  ]);
  return new Set(paths).size;
}
