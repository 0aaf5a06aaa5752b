// The README of an export: what was removed from what, what can load the folder, and how.

import { formatUnits, sublayerOf, sublayerUnits, type Unit, wholeBlocks } from '../../units.ts';
import { isTensorFiles } from '../graphs/tensorChoices.ts';
import type { GraphComponent } from '../open/summary.ts';
import type { Removal } from '../structure/removal.ts';
import { code, escapedTitle, listed } from './markdown.ts';
import type { Provenance } from './provenance.ts';
import { type StepChoice, stepOf } from './steps.ts';
import {
  genaiCode,
  type Loader,
  llamaCppCode,
  sessionOf,
  transformersCode,
  transformersJsCode,
} from './usage.ts';

/**
 * First line of every README written here: another export may replace it, as it may no other file
 * of the user.
 */
export const README_MARK =
  '<!-- Written by Espalier; the next export of this folder replaces it. -->';

export interface ReadmeFacts {
  provenance: Provenance;
  removal: Pick<Removal, 'units' | 'after' | 'remaining' | 'complete' | 'renumbering'>;
  /** What was done, removal first. */
  steps: readonly StepChoice[];
  /** The source has matrices of 4 or 8 bits. */
  fewBits: boolean;
  /** Path of the decoder graph within the export. */
  graph: string;
  /** Paths of the other precisions that lost the same blocks. */
  others: readonly string[];
  /** Further precisions of the graph in this folder, and what made them. */
  also: readonly { graph: string; steps: readonly StepChoice[] }[];
  /** Graphs beside it: the decoder with a past, pruned too, and those that are as in the source. */
  components: readonly GraphComponent[];
  /** The class that config.json names, or null. */
  architecture: string | null;
  /** The input of the decoder that takes embeddings, or null. */
  embeddings: string | null;
  /** The input that chooses between the branches of a merged decoder, or null. */
  branch: string | null;
  /** Graphs of the source that the export does not have. */
  leftOut: readonly string[];
  layout: Loader;
  /** Folder of genai_config.json within the export; null where there is none. */
  genai: string | null;
  /** What the configs cannot say of the layers that are left, as sentences. */
  remarks: readonly string[];
  /** The float32 inputs and outputs of the source that are float16 here, or null. */
  retyped: 'caches' | 'all' | null;
}

/** Markdown; a title, the source, what was removed, what loads it and how. */
export function exportReadme(facts: ReadmeFacts): string {
  const { source } = facts.provenance;
  const { units, after, remaining, complete } = facts.removal;
  const left =
    `${remaining.length} of ${source.numBlocks} blocks are ` +
    `left${complete ? '' : `, ${after.length} of them with attention`}.`;
  return `${[
    README_MARK,
    `# ${escapedTitle(source.name)}, ${whatItIs(facts)}`,
    `This is ${code(source.name)} (${code(source.family)}, ${source.numBlocks} blocks) ` +
      `${units.length > 0 ? `without ${inWords(units)}` : 'with nothing removed'}: ${left} ` +
      `${weights(facts)} Blocks are numbered from 0, as in the source.`,
    [
      '## Source',
      '',
      isTensorFiles(source.graph)
        ? `* weights: ${code(source.graph)}; SHA-256 ${headersOf(source.graph)}: ` +
          code(source.graphSha256)
        : `* graph: ${code(source.graph)}, SHA-256 ${code(source.graphSha256)}`,
      `* plan: ${code(formatUnits(units) || 'none')}`,
      '* scores, settings and everything else that is known: `espalier.json`',
    ].join('\n'),
    precisionsSection(facts),
    ...sections(facts),
    componentsSection(facts),
    complete ? '' : sublayersSection(facts),
    remarksSection(facts),
    `## Use\n\n${usage(facts)}`,
  ]
    .filter((section) => section !== '')
    .join('\n\n')}\n`;
}

/** What the hash of tensor files is of; see identity.ts. */
const headersOf = (path: string): string =>
  /\.gguf$/i.test(path) ? 'of the headers' : 'of config.json and the headers';

/** What became of the model, for the title. */
function whatItIs(facts: ReadmeFacts): string {
  const { removal, steps } = facts;
  const quantised = steps.some(({ step }) => step === 'quantise');
  if (removal.units.length === 0 && !quantised && isMade(facts)) return 'as ONNX';
  const narrow = steps.some(({ step }) => step === 'width');
  if (narrow) return quantised ? 'narrower and quantised' : 'narrower';
  if (!quantised) return 'depth-pruned';
  return removal.units.length > 0 ? 'depth-pruned and quantised' : 'quantised';
}

/** The sections of all steps; several precisions may come of one. */
function sections({ steps, also }: ReadmeFacts): string[] {
  const all = [...steps, ...also.flatMap((one) => one.steps)];
  return [...new Set(all.map((choice) => stepOf(choice).section?.(choice) ?? ''))];
}

/** What each graph of a folder of several precisions is. */
function precisionsSection(facts: ReadmeFacts): string {
  const { graph, steps, also } = facts;
  if (also.length === 0) return '';
  return [
    '## Precisions',
    '',
    'The same model lies here in several precisions, each with weights of its own:',
    '',
    ...[{ graph, steps }, ...also].map(
      (one) => `* ${code(one.graph)}: ${weights({ ...facts, steps: one.steps })}`,
    ),
  ].join('\n');
}

/** The graphs that were not touched, and those that are not here. */
function componentsSection({ graph, others, components, leftOut }: ReadmeFacts): string {
  const along = components.filter(({ role }) => role !== 'with-past').map(({ path }) => code(path));
  const sentences = [
    ...(others.length > 0
      ? [
          `The same blocks are gone from ${listed([graph, ...others].map(code))}, which are one ` +
            'model in several precisions.',
        ]
      : []),
    ...(along.length > 0
      ? [
          `Blocks were removed from the decoder alone; ${listed(along)} ` +
            `${along.length > 1 ? 'are' : 'is'} as in the source.`,
        ]
      : []),
    ...(leftOut.length > 0
      ? [
          `Not in this folder: ${listed(leftOut.map(code))}, ` +
            `${leftOut.length > 1 ? 'graphs' : 'a graph'} of the source that ` +
            `${leftOut.length > 1 ? 'were' : 'was'} not pruned.`,
        ]
      : []),
  ];
  return sentences.length > 0 ? `## Other graphs\n\n${sentences.join('\n\n')}` : '';
}

/** What became of the weights that are left. */
function weights(facts: Pick<ReadmeFacts, 'steps' | 'fewBits' | 'layout' | 'provenance'>): string {
  const { steps, fewBits } = facts;
  const done = steps.flatMap((choice) => stepOf(choice).describe(choice, fewBits) ?? []);
  if (steps.some((choice) => stepOf(choice).trains)) return done.join(' ');
  if (done.length > 0) return `${done.join(' ')} Nothing was retrained.`;
  return isMade(facts)
    ? 'The graph was made for the tensors of the source, which are its weights, as float32 or in ' +
        'the blocks of integers that the source has; nothing was retrained.'
    : 'The weights that are left are those of the source, byte for byte; nothing was retrained.';
}

/** "blocks 3 and 7, the attention of block 9 and the feed-forward of block 11" */
function inWords(removed: readonly Unit[]): string {
  const of = (units: readonly Unit[], what: string): string[] =>
    units.length === 0
      ? []
      : [
          `${what}${units.length > 1 ? 'blocks' : 'block'} ` +
            `${listed(units.map((unit) => String(Number.parseInt(String(unit), 10))))}`,
        ];
  const sublayers = sublayerUnits(removed);
  return listed([
    ...of(wholeBlocks(removed), ''),
    ...of(
      sublayers.filter((unit) => sublayerOf(unit) === 'attn'),
      'the attention of ',
    ),
    ...of(
      sublayers.filter((unit) => sublayerOf(unit) === 'ffn'),
      'the feed-forward of ',
    ),
  ]);
}

/** What no config can say: blocks that lost a sublayer. */
function sublayersSection({ removal, layout }: ReadmeFacts): string {
  const { remaining, renumbering } = removal;
  const withAttention = removal.after.length;
  const rows = remaining.flatMap(({ block, sublayers }, k) =>
    sublayers.length === 2
      ? []
      : [
          `| ${k} | ${block} | ${sublayers[0] === 'attn' ? 'attention' : 'feed-forward'} | ` +
            `${renumbering[k]?.newState ?? 'none'} |`,
        ],
  );
  const config = layout === 'genai' ? 'genai_config.json' : 'config.json';
  return [
    '## Blocks without a sublayer',
    '',
    '| block here | block of the source | what is left | cache number |',
    '|---|---|---|---|',
    ...rows,
    '',
    'A block without attention has no key-value cache; caches are numbered over the ' +
      `${withAttention} blocks that have attention. ${code(config)} cannot describe such ` +
      `blocks: its layer count (and its lists with one entry per layer) says ${withAttention}, ` +
      'the number of caches, which is what the loaders below need. `espalier.json` ' +
      '(`parts`, `renumbering`) has the rest.',
    '',
    'What can run it: anything that executes the graph as it is (ONNX Runtime, ONNX Runtime Web, ' +
      'transformers.js, ONNX Runtime GenAI).',
    '',
    `What cannot run it: anything that rebuilds the model from ${code(config)}, which would give ` +
      `${withAttention} whole blocks: Python transformers, converters to GGUF, MLX or ` +
      'safetensors, and exporters.',
  ].join('\n');
}

/** What changed for a user of the graph besides its blocks. */
function remarksSection({ remarks }: ReadmeFacts): string {
  return remarks.length > 0
    ? ['## Remarks', '', ...remarks.map((remark) => `* ${remark}`)].join('\n')
    : '';
}

/** How ONNX Runtime alone runs the graphs. */
function plainUse(facts: ReadmeFacts): string {
  const { graph, components, embeddings, branch, removal, retyped } = facts;
  const embedding = components.find(({ role }) => role === 'embedding')?.path;
  const past = components.find(({ role }) => role === 'with-past')?.path;
  const opened = past
    ? `${code(graph)} for the prompt and ${code(past)} for each token after it`
    : code(graph);
  const before =
    embeddings && embedding
      ? `, which takes as ${code(embeddings)} what ${code(embedding)} makes of token ids`
      : '';
  const switched = branch
    ? ` ${code(branch)} is false for the prompt and true for each token after it.`
    : '';
  const caches = removal.after.filter(({ states }) => states.length > 0).length;
  if (isMade(facts)) {
    const halves = { caches: ' Caches are float16.', all: ' Logits and caches are float16.' };
    return (
      `With ONNX Runtime, open ${opened}: from \`input_ids\`, \`attention_mask\` and ` +
      `\`past_key_values.*\` of ${caches} blocks it computes \`logits\` and \`present.*\`.` +
      (retyped === null ? '' : halves[retyped])
    );
  }
  return (
    `With ONNX Runtime, open ${opened}${before}; inputs and outputs ` +
    `${retyped ? 'have the names' : 'are those'} of the source, with ` +
    `${caches} blocks of caches.${switched}${retyped ? RETYPED[retyped] : ''}`
  );
}

/** What to ask transformers.js for in place of the precision that was named. */
function otherPrecisions({ also }: ReadmeFacts): string[] {
  if (also.length === 0) return [];
  const named = also.map((one) => {
    const { name, dtype } = sessionOf(one.graph);
    return `${code(JSON.stringify(dtype))}${name === 'model' ? '' : ` for ${code(name)}`}`;
  });
  return [`For the other precisions, say ${listed(named)} as the \`dtype\`.`, ''];
}

const RETYPED = {
  caches: ' Caches are float16 where those of the source are float32.',
  all: ' They are float16 where those of the source are float32.',
};

function usage(facts: ReadmeFacts): string {
  const { layout, genai, graph } = facts;
  if (layout === 'transformers') return loadedBy('Transformers', 'python', transformersCode(HERE));
  if (layout === 'llama.cpp') return loadedBy('llama.cpp', 'sh', llamaCppCode(HERE, graph));
  const folder = [HERE, genai].filter(Boolean).join('/');
  const byGenai = loadedBy('ONNX Runtime GenAI', 'python', genaiCode(folder));
  const plain = plainUse(facts);
  if (layout === 'genai') return [byGenai, '', plain].join('\n');
  if (layout !== 'transformers.js') return plain;
  return [
    loadedBy('transformers.js', 'js', transformersJsCode(HERE, facts)),
    '',
    ...otherPrecisions(facts),
    ...(genai === null ? [] : [byGenai, '']),
    plain,
  ].join('\n');
}

const HERE = 'this-folder';

const loadedBy = (what: string, language: string, text: string): string =>
  [`With ${what}:`, '', `\`\`\`${language}`, text, '```'].join('\n');

/** The graph of the export was made for tensor files. */
const isMade = ({ layout, provenance }: Pick<ReadmeFacts, 'layout' | 'provenance'>): boolean =>
  isTensorFiles(provenance.source.graph) && layout !== 'transformers' && layout !== 'llama.cpp';
