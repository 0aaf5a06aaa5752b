// Prompts to begin with: in the manner of the sample's novels, and plain ones for other models.

export const RAW_EXAMPLES: readonly string[] = [
  'It was a fine morning, and Anne',
  'She had not expected to meet him again so soon, but',
  'The most important thing about gardens is',
  'Once upon a time, in a village by the sea,',
  'def is_prime(n):',
];

export const CHAT_EXAMPLES: readonly string[] = [
  'Explain in two sentences why the sky is blue.',
  'Write a short poem about a pear tree on a wall.',
  'What should I pack for three days in the mountains?',
];
