// What the frame of the page says: header, workspaces, the running job, footer.

import type { WorkspaceId } from './workspaces.ts';

export const WORKSPACE_LABELS: Readonly<Record<WorkspaceId, string>> = {
  choose: 'Choose',
  compare: 'Compare',
  heal: 'Heal',
  quantise: 'Quantise',
  quality: 'Quality',
  tasks: 'Tasks',
  speed: 'Speed',
  variants: 'Variants',
};

/** What each workspace is for, as the description of its tab. */
export const WORKSPACE_PURPOSES: Readonly<Record<WorkspaceId, string>> = {
  choose: 'Score the blocks and choose which to remove',
  compare: 'Compare criteria, search step by step, see how stable the order is',
  heal: 'Recover quality: refit or train what is left',
  quantise: 'Write the weights in 4 or 8 bits, each loss measured first',
  quality: 'Evaluate on another text; read both models side by side',
  tasks: 'Let original and variants answer zero-shot tasks',
  speed: 'Measure how fast original and pruned run; hold width against depth',
  variants: 'All measured plans in one table and chart',
};

export const PAGE = {
  graph: 'Graph',
  testingDevice: 'testing the device…',
  dropHere: 'Drop a model folder or file, a text, task files, a CSV file or an espalier.json',
  tabs: 'Workspaces',
  blocks: 'Blocks and what to remove',
  result: 'Result',
  job: 'Running job',
  cancel: 'Cancel',
  stopping: 'stopping…',
  private: 'Nothing leaves this tab.',
  drop:
    'Drop a folder or a GGUF file anywhere to open another model, a .txt file to score, evaluate ' +
    'or heal on, files of zero-shot tasks, an espalier.json to restore a plan, a block_order.csv ' +
    'to use its order.',
  broken: 'Something on this page broke.',
  brokenNext: 'Reload it: your plan is in the address and returns when you open the model again.',
} as const;

/** Of a new version of the site itself. */
export const UPDATE = { ready: 'A new version is ready.', reload: 'Reload' } as const;

/** Leads from a message to the error that it repeats. */
export const SHOW_ERROR = 'Show';

/** Work that is no engine job, in the job bar. */
export const RUNNING = {
  goal: 'Finding a plan',
  sweep: 'Sweeping batch sizes',
  width: 'Comparing width with depth',
  measure: 'Measuring speed',
  auto: 'Measuring speed',
  generate: 'Generating',
} as const;

/** "WebGPU, self-test passed"; the device alone without a self-test. */
export function deviceWords(name: string, passed: boolean | null): string {
  if (passed === null) return name;
  return `${name}, self-test ${passed ? 'passed' : 'failed'}`;
}

/** The CPU, although there is a GPU that may be used. */
export const cpuWords = (name: string, measured: boolean): string =>
  measured ? `${name}, faster than WebGPU` : name;

export const EITHER_DEVICE = 'WebGPU or CPU (wasm)';
