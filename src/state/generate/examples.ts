// Prompts to begin with: plain ones that any model can continue, and the first message of a chat.

export const RAW_EXAMPLES: readonly string[] = [
  'The most important thing about gardens is',
  'Once upon a time, in a village by the sea,',
  'Water boils at a lower temperature in the mountains because',
  'def is_prime(n):',
];

export const CHAT_EXAMPLES: readonly string[] = [
  'Explain in one sentence why the sky is blue.',
  'Write a short poem about a pear tree on a wall.',
  'What should I pack for three days in the mountains?',
];

export const FIRST_PROMPT = RAW_EXAMPLES[0]!;
export const FIRST_MESSAGE = CHAT_EXAMPLES[0]!;
