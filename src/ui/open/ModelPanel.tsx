// What is known of the model before any weight is read, what it was made from, and what is not
// supported.

import { countUnits, listUnits } from '../../state/plan/unitWords.ts';
import { deviceName } from '../../state/selectors.ts';
import { formatBytes, formatCount, formatPpl, plural } from '../format.ts';
import kit from '../kit/kit.module.css';
import { useStudio } from '../studioContext.ts';

const LAYOUTS = {
  'transformers.js': 'transformers.js folder',
  flat: 'flat folder',
  genai: 'ONNX Runtime GenAI folder',
} as const;

export function ModelPanel() {
  const model = useStudio((state) => state.model.current);
  if (!model) return null;
  const { summary } = model;
  const sizes = summary.blocks.map((block) => block.params);
  const smallest = Math.min(...sizes);
  const largest = Math.max(...sizes);
  const classes = new Set(summary.blocks.map((block) => block.class)).size;
  return (
    <section className={kit.card} aria-labelledby="model-title">
      <div className={kit.head}>
        <h2 id="model-title">Model</h2>
        <span className={kit.sub}>read without its weights</span>
      </div>
      <dl className={kit.facts} data-testid="model-facts">
        <dt>family</dt>
        <dd>{summary.family}</dd>
        <dt>exporter</dt>
        <dd>{summary.exporter}</dd>
        <dt>graph</dt>
        <dd>
          {summary.graph}, {summary.dtype}, {LAYOUTS[summary.layout]}
        </dd>
        <dt>blocks</dt>
        <dd>
          {summary.numBlocks},{' '}
          {smallest === largest
            ? formatCount(smallest)
            : `${formatCount(smallest)} to ${formatCount(largest)}`}{' '}
          parameters each
          {classes > 1 && `, ${classes} kinds`}
        </dd>
        <dt>embedding</dt>
        <dd>
          {summary.embedding.params
            ? `${formatCount(summary.embedding.params)} parameters`
            : 'not in this graph'}
        </dd>
        <dt>head</dt>
        <dd>
          {summary.head.tied
            ? 'tied to the embedding'
            : `${formatCount(summary.head.params)} parameters`}
        </dd>
        <dt>vocabulary</dt>
        <dd>
          {summary.vocabSize.toLocaleString('en')} tokens, width{' '}
          {summary.hiddenSize.toLocaleString('en')}
        </dd>
        {summary.contextLength !== null && (
          <>
            <dt>context</dt>
            <dd>{summary.contextLength.toLocaleString('en')} tokens</dd>
          </>
        )}
        {summary.otherStates.length > 0 && (
          <>
            <dt>fixed states</dt>
            <dd>
              {plural(summary.otherStates.length, 'state')},{' '}
              {formatBytes(summary.otherStates.reduce((sum, state) => sum + state.bytes, 0))}
            </dd>
          </>
        )}
      </dl>
    </section>
  );
}

/** An export of ours says what it was made from. */
export function MadeFromPanel() {
  const madeFrom = useStudio((state) => state.model.current?.madeFrom);
  if (!madeFrom) return null;
  const intact = madeFrom.score?.baseline.nll;
  return (
    <section className={kit.card} aria-labelledby="made-from-title" data-testid="made-from">
      <div className={kit.head}>
        <h2 id="made-from-title">Made by Espalier</h2>
      </div>
      <dl className={kit.facts}>
        <dt>source</dt>
        <dd>
          {madeFrom.sourceName}, {madeFrom.graph}, {plural(madeFrom.numBlocks, 'block')}
        </dd>
        <dt>removed</dt>
        <dd>
          {madeFrom.removed.length
            ? `${countUnits(madeFrom.removed)}: ${listUnits(madeFrom.removed)}`
            : 'no block'}
        </dd>
        {madeFrom.plan && (
          <>
            <dt>perplexity</dt>
            <dd>
              {formatPpl(madeFrom.plan.nll)}
              {intact !== undefined && `, ${formatPpl(intact)} before pruning`}
            </dd>
          </>
        )}
        {madeFrom.score && (
          <>
            <dt>measured on</dt>
            <dd>
              {plural(madeFrom.score.windows.length, 'window')} × {madeFrom.score.settings.length}{' '}
              tokens,{' '}
              {madeFrom.score.settings.text === 'bundled'
                ? 'bundled text'
                : madeFrom.score.settings.text}
              , {deviceName(madeFrom.score.device)}
            </dd>
          </>
        )}
        <dt>version</dt>
        <dd>{madeFrom.app}</dd>
      </dl>
    </section>
  );
}
