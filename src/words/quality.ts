// What the Quality workspace says: evaluation on another text, and both models side by side.

export const EVALUATION = {
  title: 'Evaluation',
  sub: 'on a text that the plan was not chosen on',
  form: 'What to evaluate on',
  running: 'Evaluating',
  protocol: 'Protocol',
  long: 'long context with a stride',
  bos: 'Prepend BOS token',
  most: 'Segments, at most',
  all: 'all',
  segment: 'Tokens per segment',
  stride: 'Stride',
  explained: 'Explained:',
  strideTerm: 'stride',
  bosTerm: 'BOS token',
  start: 'Evaluate',
  perplexity: 'perplexity',
  interval: '95 % interval',
  top1: 'same top token',
  kl: 'mean KL divergence',
  worse: 'worse',
  better: 'better',
  overSegments: 'The interval is over segments.',
  again: 'Evaluate this plan',
  table: 'Evaluations of this model',
  howToCompare: 'Compare rows of the same text, segments and BOS. Select a plan to use it.',
  stopped: 'stopped',
  every: 'every',
  none: 'no',
  columns: {
    plan: 'plan',
    text: 'text',
    segments: 'segments',
    bos: 'BOS',
    original: 'original PPL',
    pruned: 'pruned PPL',
    top1: 'same top token',
    kl: 'KL, nats',
  },
} as const;

/** "segments of 128 tokens, as in Kim et al. (2024)". */
export const paperProtocol = (tokens: number): string =>
  `segments of ${tokens} tokens, as in Kim et al. (2024)`;

const without = (units: string | null) => (units === null ? 'with all blocks' : `without ${units}`);

export const evaluatingWords = (units: string | null, text: string): string =>
  units === null
    ? `The original, on ${text}.`
    : `The original, and the model without ${units}, on ${text}.`;

export const anotherPlan = (units: string | null): string => `Of another plan, ${without(units)}.`;
export const planWords = (units: string | null): string =>
  units === null ? 'all blocks' : `without ${units}`;
export const usePlan = (plan: string): string => `Use the plan ${plan}`;

export const soFar = (running: boolean, segments: string): string =>
  running ? `So far, over the first ${segments}.` : `Stopped after ${segments}.`;

export const SIDE_BY_SIDE = {
  title: 'Side by side',
  sub: 'same prompt and settings for both',
  kind: 'Kind of prompt',
  raw: 'Text',
  chat: 'Chat',
  ids: 'Token ids',
  prompt: 'Prompt',
  message: 'Message',
  system: 'System prompt',
  systemEmpty: 'Leave empty to use the default of the model’s template',
  noTokenizer: 'This folder has no tokenizer: give the prompt as token ids.',
  noChat: 'This model has no chat template.',
  examples: 'Examples',
  settings: 'Settings',
  newTokens: 'New tokens',
  greedy: 'greedy',
  temperature: 'Temperature',
  topK: 'Top k (0: off)',
  topP: 'Top p (1: off)',
  seed: 'Seed',
  stopAtEos: 'Stop at the model’s end-of-text token',
  start: 'Generate',
  stop: 'Stop',
  loading: 'Loading the models',
  waiting: 'Waiting for the perplexity of the plan.',
  onlyOriginal: 'Nothing is removed: only the original generates.',
  anotherPlan: 'Generated with another plan.',
  same: 'Both texts are the same.',
  different: 'first different token',
  decode: 'tok/s decode',
  ttft: 'TTFT',
  endedByModel: 'ended by the model',
  stopped: 'stopped',
  continueChat: 'Continue the chat',
  continue: 'Continue',
  conversation: 'Conversation so far',
  you: 'You',
  remove: 'Remove',
  newChat: 'New chat',
} as const;

export const cannotChat = (error: string): string => `This model cannot chat: ${error}`;

/** Beside "Settings": "64 tokens, greedy". */
export const samplingWords = (tokens: number, temperature: number, seed: number): string =>
  `${tokens} tokens, ` +
  (temperature === 0 ? SIDE_BY_SIDE.greedy : `temperature ${temperature}, seed ${seed}`);

export const firstDifferenceWords = (token: number): string =>
  `First difference at token ${token}.`;
export const textOf = (which: 'original' | 'pruned'): string =>
  which === 'original' ? 'Text of the original' : 'Text of the pruned model';
export const continueWith = (which: 'original' | 'pruned'): string =>
  `Continue with the answer of the ${which === 'original' ? 'original' : 'pruned model'}`;
export const removeTurn = (turn: number): string => `Remove turn ${turn}`;
