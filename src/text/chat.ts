// Renders a conversation with the chat template of a model.

import { EspalierError } from '../errors.ts';
import { boundedTemplate } from './boundedTemplate.ts';
import { brief, type Json, parseObject, tokenText } from './config.ts';

/** One turn of a conversation. */
export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export interface ChatTemplate {
  /**
   * The text of a conversation. It contains the special tokens that the template writes, including
   * the beginning of sequence: tokenize it without adding another.
   * @param options.addGenerationPrompt end the text where the assistant's answer begins.
   * @throws EspalierError `tokenizer` with the message of the template, for example about the order
   *   of roles.
   */
  render(messages: readonly ChatMessage[], options: { addGenerationPrompt: boolean }): string;
}

/**
 * The chat template of a model folder, or null when it has none.
 * @param tokenizerConfigJson text of tokenizer_config.json. Its `chat_template` is a template or a
 *   list of named templates, of which "default" is used; `bos_token` and the like are variables of
 *   the template.
 * @param templateFile text of chat_template.jinja, which takes precedence over the config.
 * @throws EspalierError `tokenizer` when the config is not JSON or the template cannot be parsed.
 * @source Hugging Face Transformers, apply_chat_template
 */
export function loadChat(
  tokenizerConfigJson: string | null,
  templateFile: string | null,
): ChatTemplate | null {
  const config =
    tokenizerConfigJson === null ? {} : parseObject('tokenizer_config.json', tokenizerConfigJson);
  const source = templateFile ?? chosenTemplate(config.chat_template);
  if (source === null) return null;
  let template: ReturnType<typeof boundedTemplate>;
  try {
    template = boundedTemplate(source);
  } catch (error) {
    throw failed('The chat template of the model cannot be read', error);
  }
  const tokens = specialTokens(config);
  return {
    render(messages, { addGenerationPrompt }) {
      try {
        return template({
          messages: messages.map(({ role, content }) => ({ role, content })),
          add_generation_prompt: addGenerationPrompt,
          tools: null,
          documents: null,
          ...tokens,
        });
      } catch (error) {
        throw failed('The chat template of the model does not accept this conversation', error);
      }
    },
  };
}

function failed(what: string, error: unknown): EspalierError {
  const words = error instanceof Error ? error.message : String(error);
  return new EspalierError(
    'tokenizer',
    `${what}: ${brief(words).replace(/[\s.!]+$/, '')}.`,
    'Use a raw prompt instead.',
    String(error),
  );
}

function chosenTemplate(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  const named = (Array.isArray(value) ? value : []) as ({
    name?: unknown;
    template?: unknown;
  } | null)[];
  const chosen =
    named.find((entry) => entry?.name === 'default') ?? (named.length === 1 ? named[0] : undefined);
  if (typeof chosen?.template === 'string') return chosen.template;
  const names = named.map((entry) => JSON.stringify(entry?.name)).join(', ');
  throw new EspalierError(
    'tokenizer',
    named.length > 0
      ? `tokenizer_config.json has the chat templates ${brief(names)}, but none named "default".`
      : 'The chat_template of tokenizer_config.json is neither a string nor a list of named ' +
          'templates.',
    'Use a raw prompt, or put the template into a file chat_template.jinja.',
  );
}

/** Every `*_token` of the config as text, and the list of additional special tokens. */
function specialTokens(config: Json): Json {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(config)) {
    if (key === 'additional_special_tokens' && Array.isArray(value))
      out[key] = value.map(tokenText).filter((text) => text !== null);
    const text = key.endsWith('_token') ? tokenText(value) : null;
    if (text !== null) out[key] = text;
  }
  return out;
}
