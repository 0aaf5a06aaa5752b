// The tokenizer of a GGUF file as the files that Hugging Face tokenizers read.
// Source: github.com/ggml-org/llama.cpp, src/llama-vocab.cpp; github.com/ggml-org/ggml,
// docs/gguf.md, "Tokenizer".

import { EspalierError } from '../../../errors.ts';
import type { JsonObject } from '../../../json.ts';
import type { GgufMetadata } from '../../../tensors/gguf/metadata.ts';
import { MAX_PIECE_CHARS, mergesOf, TOKEN_TYPES, type Vocabulary } from './tokenizer/pieces.ts';
import { WORDS } from './tokenizer/words.ts';

/** Most characters of a name of the file in a message. */
const QUOTED = 64;

/**
 * tokenizer.json and tokenizer_config.json, with the chat templates of the file, by their names.
 * @throws EspalierError `tokenizer` for one that cannot be brought into this form, which the
 *   message names
 */
export function ggufTokenizer(metadata: GgufMetadata): Readonly<Record<string, string>> {
  const read = new TokenizerKeys(metadata);
  const kind = read.text('model');
  const vocabulary = read.vocabulary();
  if (kind === 'llama') return filesOf(read, vocabulary, sentencePiece(read, vocabulary));
  if (kind === 'gpt2') return filesOf(read, vocabulary, byteLevelBpe(read));
  throw unusable(
    kind === null
      ? 'it has none (tokenizer.ggml.model)'
      : `its kind, ${quoted(kind)}, is not known here`,
  );
}

/** What differs between the kinds. */
interface Parts {
  normalizer: JsonObject | null;
  preTokenizer: JsonObject | null;
  decoder: JsonObject;
  /** Options of the BPE model besides vocab and merges. */
  model: JsonObject;
  merges: Iterable<readonly [string, string]>;
  addsBos: boolean;
}

function byteLevelBpe(read: TokenizerKeys): Parts {
  const name = read.text('pre');
  const words = name === null ? undefined : WORDS.get(name);
  if (!words)
    throw unusable(
      name === null || name === 'default'
        ? 'the file does not say how it splits a text into words (tokenizer.ggml.pre)'
        : `how ${quoted(name)} splits a text into words (tokenizer.ggml.pre) is not known here`,
    );
  const { normalizer, preTokenizer, ignoresMerges, addsBos } = words;
  return {
    normalizer,
    preTokenizer,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { unk_token: null, fuse_unk: false, byte_fallback: false, ignore_merges: ignoresMerges },
    merges: read.merges(),
    addsBos,
  };
}

function sentencePiece(read: TokenizerKeys, vocabulary: Vocabulary): Parts {
  const { tokens, types, scores } = vocabulary;
  if (scores.length === 0) throw unusable('its tokens have no scores (tokenizer.ggml.scores)');
  const long = tokens.findIndex((token) => token.length > MAX_PIECE_CHARS);
  if (long >= 0) throw unusable(`its token ${long} has ${tokens[long]!.length} characters`);
  const prefix = read.flag('add_space_prefix') ?? true;
  const replace = (from: string, to: string): JsonObject => ({
    type: 'Replace',
    pattern: { String: from },
    content: to,
  });
  const unknown = tokens[read.id('unknown') ?? types.indexOf(TOKEN_TYPES.unknown)] ?? null;
  const steps = prefix ? [{ type: 'Prepend', prepend: '▁' }] : [];
  const strip = prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : [];
  return {
    normalizer: { type: 'Sequence', normalizers: [...steps, replace(' ', '▁')] },
    preTokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [replace('▁', ' '), { type: 'ByteFallback' }, { type: 'Fuse' }, ...strip],
    },
    model: { unk_token: unknown, fuse_unk: true, byte_fallback: true, ignore_merges: false },
    merges: mergesOf(vocabulary),
    addsBos: true,
  };
}

function filesOf(
  read: TokenizerKeys,
  vocabulary: Vocabulary,
  { normalizer, preTokenizer, decoder, model, merges, addsBos }: Parts,
): Readonly<Record<string, string>> {
  const { tokens } = vocabulary;
  const named = (name: string): { id: number; token: string } | null => {
    const id = read.id(name);
    return id === null ? null : { id, token: tokens[id]! };
  };
  const [bos, eos] = [named('bos'), named('eos')];
  const leads = bos && (read.flag('add_bos_token') ?? addsBos) ? [bos] : [];
  const ends = eos && read.flag('add_eos_token') ? [eos] : [];
  const around = [...leads, ...ends];
  const special = ({ token }: { token: string }) => ({ SpecialToken: { id: token, type_id: 0 } });
  const text = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
  const template = (...texts: JsonObject[]): JsonObject[] => [
    ...leads.map(special),
    ...texts,
    ...ends.map(special),
  ];
  const processor = {
    type: 'TemplateProcessing',
    single: template(text('A', 0)),
    pair: template(text('A', 0), text('B', 1)),
    special_tokens: Object.fromEntries(
      around.map(({ id, token }) => [token, { id: token, ids: [id], tokens: [token] }]),
    ),
  };
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(vocabulary, read.stripsRight()),
    normalizer,
    pre_tokenizer: preTokenizer,
    post_processor: around.length > 0 ? processor : null,
    decoder,
  };
  const tokenOf = (key: string, name: string): JsonObject => {
    const found = named(name);
    return found ? { [key]: found.token } : {};
  };
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    ...tokenOf('bos_token', 'bos'),
    ...tokenOf('eos_token', 'eos'),
    ...tokenOf('unk_token', 'unknown'),
    ...tokenOf('pad_token', 'padding'),
    add_bos_token: leads.length > 0,
    add_eos_token: ends.length > 0,
    clean_up_tokenization_spaces: false,
    ...read.chatTemplates(),
  };
  return {
    'tokenizer.json': withModel(tokenizer, model, tokens, merges),
    'tokenizer_config.json': `${JSON.stringify(config, null, 2)}\n`,
  };
}

/** Tokens that are found in a text before its words are. */
function addedTokens({ tokens, types }: Vocabulary, stripsRight: boolean): JsonObject[] {
  const added: JsonObject[] = [];
  for (const [id, content] of tokens.entries()) {
    const type = types[id];
    const special = type === TOKEN_TYPES.control || type === TOKEN_TYPES.unknown;
    if (!special && type !== TOKEN_TYPES.userDefined) continue;
    const plain = ['<unk>', '<s>', '<|endoftext|>'].includes(content);
    added.push({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: stripsRight && !plain,
      normalized: false,
      special,
    });
  }
  return added;
}

/**
 * The text of tokenizer.json. A vocabulary may have the token "__proto__" and those that objects
 * would sort as numbers, so its members are written one by one.
 */
function withModel(
  tokenizer: JsonObject,
  model: JsonObject,
  tokens: readonly string[],
  merges: Iterable<readonly [string, string]>,
): string {
  const vocab: string[] = [];
  const texts = new Map<string, string>();
  for (const [id, token] of tokens.entries()) {
    const text = JSON.stringify(token);
    texts.set(token, text);
    vocab.push(`${text}:${id}`);
  }
  const textOf = (token: string): string => texts.get(token) ?? JSON.stringify(token);
  const pairs: string[] = [];
  for (const [left, right] of merges) pairs.push(`[${textOf(left)},${textOf(right)}]`);
  const options = {
    type: 'BPE',
    dropout: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    ...model,
  };
  const before = JSON.stringify(tokenizer).slice(0, -1);
  const inModel = JSON.stringify(options).slice(0, -1);
  const members = `"vocab":{${vocab.join(',')}},"merges":[${pairs.join(',')}]`;
  return `${before},"model":${inModel},${members}}}`;
}

/** Reads the keys of tokenizers. */
class TokenizerKeys {
  private readonly metadata: GgufMetadata;

  constructor(metadata: GgufMetadata) {
    this.metadata = metadata;
  }

  text(name: string): string | null {
    const value = this.metadata.get(`tokenizer.ggml.${name}`)?.value;
    return typeof value === 'string' ? value : null;
  }

  flag(name: string): boolean | null {
    const value = this.metadata.get(`tokenizer.ggml.${name}`)?.value;
    return typeof value === 'boolean' ? value : null;
  }

  /** The id of a special token; null where there is none, or no such token. */
  id(name: string): number | null {
    const value = this.metadata.get(`tokenizer.ggml.${name}_token_id`)?.value;
    const count = this.list('tokens')?.length ?? 0;
    const id = typeof value === 'bigint' ? Number(value) : value;
    return typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < count ? id : null;
  }

  /** @throws EspalierError `tokenizer` for lists that do not fit, and for a token that is twice */
  vocabulary(): Vocabulary {
    const listed = this.list('tokens');
    if (!listed) throw unusable('it has no tokens (tokenizer.ggml.tokens)');
    const tokens = listed.map((token, id) => (token === '' ? `[EMPTY_${id}]` : String(token)));
    const known = new Set<string>();
    for (const token of tokens) {
      if (known.has(token)) throw unusable(`it has the token ${quoted(token)} twice`);
      known.add(token);
    }
    const numbers = (name: string): number[] | null => {
      const list = this.list(name);
      if (list && list.length < tokens.length)
        throw unusable(`tokenizer.ggml.${name} has ${list.length} entries, fewer than its tokens`);
      return list?.map(Number) ?? null;
    };
    return {
      tokens,
      types: numbers('token_type') ?? tokens.map(() => TOKEN_TYPES.normal),
      scores: numbers('scores') ?? [],
    };
  }

  /** @throws EspalierError `tokenizer` where there are none, or one that is no pair */
  merges(): (readonly [string, string])[] {
    const listed = this.list('merges');
    if (!listed) throw unusable('it has no merges (tokenizer.ggml.merges)');
    return listed.map((merge, k) => {
      // The first of the two may itself begin with a space.
      const space = String(merge).indexOf(' ', 1);
      if (space < 0) throw unusable(`its merge ${k + 1}, ${quoted(String(merge))}, is no pair`);
      return [String(merge).slice(0, space), String(merge).slice(space + 1)];
    });
  }

  /**
   * Whether special tokens take the spaces after them, as those of Phi-3 do: files do not say it,
   * and llama.cpp goes by the name of the model.
   */
  stripsRight(): boolean {
    const name = this.metadata.get('general.name')?.value;
    return typeof name === 'string' && /phi-?3/i.test(name) && this.text('model') === 'llama';
  }

  /** `chat_template` of tokenizer_config.json: one, or several by their names. */
  chatTemplates(): JsonObject {
    const templates: { name: string; template: string }[] = [];
    for (const [key, { value }] of this.metadata) {
      const [, name] = /^tokenizer\.chat_template(?:\.(.+))?$/.exec(key) ?? [];
      if (!key.startsWith('tokenizer.chat_template') || typeof value !== 'string') continue;
      if (key === 'tokenizer.chat_template')
        templates.unshift({ name: 'default', template: value });
      else if (name !== undefined) templates.push({ name, template: value });
    }
    const [first] = templates;
    if (!first) return {};
    const alone = templates.length === 1 && first.name === 'default';
    return { chat_template: alone ? first.template : templates };
  }

  private list(name: string): readonly (number | bigint | boolean | string)[] | null {
    const entry = this.metadata.get(`tokenizer.ggml.${name}`);
    return entry?.type === 'array' ? entry.value : null;
  }
}

const quoted = (name: string): string => JSON.stringify(name.slice(0, QUOTED));

function unusable(why: string): EspalierError {
  return new EspalierError(
    'tokenizer',
    `The tokenizer inside the GGUF file cannot be used: ${why}.`,
    'Put the tokenizer.json of the model beside the file and open the folder.',
  );
}
