// What is known of the model before any weight is read.

import type { ModelSummary } from '../../model/open/summary.ts';
import { formatBytes, plural } from '../../quantities.ts';
import { isStoredTwice } from '../../state/effect/sizes.ts';
import {
  MODEL,
  madeGraph,
  shareOfSize,
  storedTwice,
  UNKNOWN,
  vocabularyAndWidth,
} from '../../words/model.ts';
import { formatCount } from '../format.ts';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
import { Term } from '../kit/Term.tsx';
import { useStudio } from '../studioContext.ts';

export function ModelPanel() {
  const model = useStudio((state) => state.model.current);
  if (!model) return null;
  const { summary } = model;
  const sizes = summary.blocks.map((block) => block.params);
  const smallest = Math.min(...sizes);
  const largest = Math.max(...sizes);
  const classes = new Set(summary.blocks.map((block) => block.class)).size;
  return (
    <Panel id="model" title={MODEL.title} sub={MODEL.sub}>
      <dl className={kit.facts} data-testid="model-facts">
        <dt>{MODEL.family}</dt>
        <dd>{summary.family}</dd>
        <dt>{MODEL.exporter}</dt>
        <dd>{summary.exporter}</dd>
        <dt>
          {summary.graphDtype === undefined ? MODEL.graph : <Term id="format">{MODEL.file}</Term>}
        </dt>
        <dd>
          {summary.graph}, {summary.dtype}, {MODEL.layouts[summary.layout]}
        </dd>
        {summary.graphDtype !== undefined && (
          <>
            <dt>{MODEL.graph}</dt>
            <dd data-testid="made-graph">{madeGraph(summary.graphDtype)}</dd>
          </>
        )}
        {summary.components && (
          <>
            <dt>{MODEL.components}</dt>
            <dd>
              {summary.components
                .map(({ role, path, bytes }) => `${path} (${role}, ${formatBytes(bytes)})`)
                .join(', ')}
            </dd>
          </>
        )}
        <dt>
          <Term id="block">{MODEL.blocks}</Term>
        </dt>
        <dd>
          {summary.numBlocks},{' '}
          {smallest === largest
            ? formatCount(smallest)
            : `${formatCount(smallest)} to ${formatCount(largest)}`}{' '}
          parameters each
          {classes > 1 && `, ${classes} kinds`}
        </dd>
        <dt>{MODEL.embedding}</dt>
        <dd>
          {summary.embedding.params
            ? `${formatCount(summary.embedding.params)} parameters, ` +
              shareOfSize(summary.embedding.bytes, summary.bytes)
            : MODEL.noEmbedding}
        </dd>
        <dt>{MODEL.head}</dt>
        <dd>
          {summary.head.tied ? MODEL.tied : `${formatCount(summary.head.params)} parameters`}
          {isStoredTwice(summary) && `, ${storedTwice(summary.head.bytes)}`}
        </dd>
        <dt>{MODEL.vocabulary}</dt>
        <dd>{vocabularyAndWidth(summary.vocabSize, summary.hiddenSize)}</dd>
        {summary.contextLength !== null && (
          <>
            <dt>{MODEL.context}</dt>
            <dd>{summary.contextLength.toLocaleString('en')} tokens</dd>
          </>
        )}
        {summary.otherStates.length > 0 && (
          <>
            <dt>{MODEL.states}</dt>
            <dd>
              {plural(summary.otherStates.length, 'state')}, {bytesOfStates(summary.otherStates)}
            </dd>
          </>
        )}
      </dl>
    </Panel>
  );
}

function bytesOfStates(states: ModelSummary['otherStates']): string {
  const sizes = states.map(({ bytes }) => bytes).filter((bytes) => bytes !== null);
  if (sizes.length < states.length) return UNKNOWN;
  return formatBytes(sizes.reduce((sum, bytes) => sum + bytes, 0));
}
