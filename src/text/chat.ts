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

/** Where else than in tokenizer_config.json and chat_template.jinja templates may be. */
export interface OtherTemplates {
  /** Templates of the folder additional_chat_templates by their names. */
  named: ReadonlyMap<string, string>;
  /** Text of chat_template.json, which processors once had. */
  json: string | null;
  /** Whether the model has a processor (of images, say): its templates then go first. */
  processor: boolean;
}

/**
 * The chat template of a model folder, or null when it has none. In the order of precedence:
 * chat_template.json where the model has a processor; chat_template.jinja and the named templates
 * beside it; `chat_template` of tokenizer_config.json; chat_template.json. Of several templates
 * "default" is used.
 * @param tokenizerConfigJson text of tokenizer_config.json; `bos_token` and the like are variables
 *   of the template.
 * @param templateFile text of chat_template.jinja.
 * @throws EspalierError `tokenizer` when a JSON file is none or the template cannot be parsed.
 * @source Hugging Face Transformers, tokenization_utils_base.py and processing_utils.py
 */
export function loadChat(
  tokenizerConfigJson: string | null,
  templateFile: string | null,
  others: OtherTemplates = { named: new Map(), json: null, processor: false },
): ChatTemplate | null {
  const config =
    tokenizerConfigJson === null ? {} : parseObject('tokenizer_config.json', tokenizerConfigJson);
  const legacy = (): string | null => {
    if (others.json === null) return null;
    const { chat_template } = parseObject('chat_template.json', others.json);
    return chosenTemplate(chat_template, 'chat_template.json');
  };
  const source =
    (others.processor ? legacy() : null) ??
    ofFiles(templateFile, others.named) ??
    chosenTemplate(config.chat_template, 'tokenizer_config.json') ??
    legacy();
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

/** The default of chat_template.jinja and the folder beside it. */
function ofFiles(file: string | null, named: ReadonlyMap<string, string>): string | null {
  const source = file ?? named.get('default') ?? null;
  if (source !== null || named.size === 0) return source;
  throw noDefault('The folder additional_chat_templates', [...named.keys()]);
}

function noDefault(where: string, names: readonly unknown[]): EspalierError {
  const list = names.map((name) => JSON.stringify(name)).join(', ');
  return new EspalierError(
    'tokenizer',
    `${where} has the chat templates ${brief(list)}, but none named "default".`,
    'Use a raw prompt, or put the template into a file chat_template.jinja.',
  );
}

function chosenTemplate(value: unknown, where: string): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  const named = (Array.isArray(value) ? value : []) as ({
    name?: unknown;
    template?: unknown;
  } | null)[];
  const chosen =
    named.find((entry) => entry?.name === 'default') ?? (named.length === 1 ? named[0] : undefined);
  if (typeof chosen?.template === 'string') return chosen.template;
  if (named.length > 0)
    throw noDefault(
      where,
      named.map((entry) => entry?.name),
    );
  throw new EspalierError(
    'tokenizer',
    `The chat_template of ${where} is neither a string nor a list of named templates.`,
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
