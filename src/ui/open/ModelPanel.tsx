// What is known of the model before any weight is read.

import { formatBytes } from '../../quantities.ts';
import { formatCount, plural } from '../format.ts';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
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
    <Panel id="model" title="Model" sub="read without its weights">
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
            <dt>other states</dt>
            <dd>
              {plural(summary.otherStates.length, 'state')},{' '}
              {formatBytes(summary.otherStates.reduce((sum, state) => sum + state.bytes, 0))}
            </dd>
          </>
        )}
      </dl>
    </Panel>
  );
}
