// Turns a conversation into the text that a model was trained on, by its own chat template; must not tokenize.

/** One turn of a conversation. */
export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}
