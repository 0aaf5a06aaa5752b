// The text side of a variant: prompts to ids, ids to text that only grows, and which tokens end it.

import type { EncodedPrompt, Prompt, VariantInfo } from '../../contract/variant.ts';
import { EspalierError, toReport } from '../../errors.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { readConfigFile } from '../../model/structure/config.ts';
import type { Folder } from '../../onnx/source.ts';
import type { ChatTemplate } from '../../text/chat.ts';
import { MAX_TOKENIZER_CONFIG_BYTES, parseObject, tokenText } from '../../text/config.ts';
import { loadTokenizer, MAX_TOKENIZER_BYTES, type Tokenizer } from '../../text/tokenizer.ts';
import type { InstructionTokens } from '../../text/training/format.ts';
import { chatOfFiles, textOf } from './chatFiles.ts';
import { TextStream } from './textStream.ts';

/**
 * What the text files of a folder contain; for a missing or broken one, the error that using it
 * throws.
 */
export class VariantText {
  readonly eos: ReadonlySet<number>;
  /** The token that the tokenizer names as its end, else the first that a config has as one. */
  private readonly end: number | null;
  private readonly tokenizer: Tokenizer | EspalierError;
  private readonly template: ChatTemplate | EspalierError | null;
  private readonly hasFiles: boolean;

  private constructor(
    tokenizer: Tokenizer | EspalierError,
    template: ChatTemplate | EspalierError | null,
    hasFiles: boolean,
    eos: Set<number>,
    end: number | null,
  ) {
    this.tokenizer = tokenizer;
    this.template = template;
    this.hasFiles = hasFiles;
    this.eos = eos;
    this.end = end;
  }

  /**
   * Reads tokenizer.json, tokenizer_config.json, the chat templates and generation_config.json.
   * Broken text files do not stop a model from running.
   * @param problems of the model that it was made of, where it is an export
   */
  static async load(
    { root: { folder }, config, summary }: OpenedModel,
    problems = summary.problems,
  ): Promise<VariantText> {
    const tokenizerJson = await textOf(folder, 'tokenizer.json', MAX_TOKENIZER_BYTES);
    const configJson = await textOf(folder, 'tokenizer_config.json', MAX_TOKENIZER_CONFIG_BYTES);
    const chat = await chatOfFiles(folder, configJson);
    const tokenizer = orError(() => loadTokenizer(tokenizerJson(), configJson(), problems));
    const template = orError(chat);
    const { model } = (config.raw.genai ?? {}) as { model?: unknown };
    const declared = [
      await readConfigFile(folder, 'generation_config.json'),
      config.raw.config,
      config.raw.config?.text_config,
      model,
    ];
    const eos = new Set(declared.flatMap(endIds));
    const named =
      tokenizer instanceof EspalierError
        ? undefined
        : orError(() => endToken(configJson(), tokenizer));
    if (typeof named === 'number') eos.add(named);
    const end = (typeof named === 'number' ? named : [...eos][0]) ?? null;
    return new VariantText(tokenizer, template, folder.open('tokenizer.json') !== null, eos, end);
  }

  get hasTokenizer(): boolean {
    return !(this.tokenizer instanceof EspalierError);
  }

  /** State of chat prompts. */
  get chat(): VariantInfo['chat'] {
    if (this.tokenizer instanceof EspalierError)
      return this.hasFiles ? { error: this.tokenizer.message } : 'none';
    if (this.template instanceof EspalierError) return { error: this.template.message };
    return this.template ? 'ok' : 'none';
  }

  /**
   * @param vocabSize V, or 0 when unknown.
   * @throws EspalierError `tokenizer`, `bad-input`.
   */
  encode(prompt: Prompt, vocabSize: number): EncodedPrompt {
    const encoded = this.toIds(prompt);
    if (encoded.ids.length === 0)
      throw new EspalierError(
        'bad-input',
        'The prompt is empty.',
        'Type a prompt, or give token ids.',
      );
    checkIds(encoded.ids, vocabSize);
    return encoded;
  }

  /**
   * What instructions are written with. @throws EspalierError `tokenizer` for one that is missing
   * or broken
   */
  instructionTokens(): Omit<InstructionTokens, 'bos'> {
    const { tokenizer, template, end: eos } = this;
    if (tokenizer instanceof EspalierError) throw tokenizer;
    return { tokenizer, template, eos };
  }

  /** The text of a generation from `prompt`, or null without a tokenizer. */
  stream(prompt: readonly number[]): TextStream | null {
    return this.tokenizer instanceof EspalierError ? null : new TextStream(this.tokenizer, prompt);
  }

  private toIds(prompt: Prompt): EncodedPrompt {
    if (prompt.kind === 'ids') return { ids: [...prompt.ids], text: '' };
    const { tokenizer, template } = this;
    if (tokenizer instanceof EspalierError) throw tokenizer;
    if (prompt.kind === 'raw')
      return { ids: tokenizer.encodePrompt(prompt.text), text: prompt.text };
    if (template instanceof EspalierError) throw template;
    if (!template)
      throw new EspalierError('tokenizer', 'This model has no chat template.', 'Use a raw prompt.');
    const text = template.render(prompt.messages, { addGenerationPrompt: true });
    return { ids: tokenizer.encode(text), text };
  }
}

/**
 * Whether a folder has a usable chat template. The tokenizer is not loaded: one that turns out
 * broken is an error of the prompt.
 */
export async function chatOf(folder: Folder): Promise<VariantInfo['chat']> {
  if (!folder.open('tokenizer.json')) return 'none';
  const configJson = await textOf(folder, 'tokenizer_config.json', MAX_TOKENIZER_CONFIG_BYTES);
  const template = orError(await chatOfFiles(folder, configJson));
  if (template instanceof EspalierError) return { error: template.message };
  return template ? 'ok' : 'none';
}

/** @throws EspalierError `bad-input` for the first id that is outside [0, vocabSize). */
export function checkIds(ids: readonly number[], vocabSize: number): void {
  for (const id of ids)
    if (!Number.isSafeInteger(id) || id < 0 || (vocabSize > 0 && id >= vocabSize))
      throw new EspalierError(
        'bad-input',
        `The token id ${id} is outside the vocabulary of ${vocabSize} tokens.`,
        'Give ids that the model has.',
      );
}

function orError<T>(make: () => T): T | EspalierError {
  try {
    return make();
  } catch (error) {
    if (error instanceof EspalierError) return error;
    const { message, detail } = toReport(error);
    return new EspalierError('tokenizer', message, 'Use token ids instead of text.', detail);
  }
}

/** `eos_token_id` of a config: a number or a list. */
function endIds(config: unknown): number[] {
  const value = (config as { eos_token_id?: unknown } | null | undefined)?.eos_token_id;
  return (Array.isArray(value) ? value : [value]).filter(
    (id): id is number => typeof id === 'number',
  );
}

/** The id of `eos_token` of tokenizer_config.json, where the tokenizer has it as one token. */
function endToken(configJson: string | null, tokenizer: Tokenizer): number | undefined {
  const text =
    configJson === null
      ? null
      : tokenText(parseObject('tokenizer_config.json', configJson).eos_token);
  if (text === null) return undefined;
  const ids = tokenizer.encode(text);
  return ids.length === 1 ? ids[0] : undefined;
}
