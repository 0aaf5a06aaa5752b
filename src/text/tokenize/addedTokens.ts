// Tokens that are found in a text before its words are: special tokens and other additions.

import type { Normalizer } from './normalizers.ts';
import { malformed, Options, unsupported } from './options.ts';
import { isSpace, type Piece, slice } from './pieces.ts';

interface AddedToken {
  id: number;
  content: string;
  singleWord: boolean;
  lstrip: boolean;
  rstrip: boolean;
  normalized: boolean;
  special: boolean;
}

/** A stretch of text, or a token that stands in it. */
type Part = Piece | { id: number };

interface Node {
  next: Map<string, Node>;
  token: AddedToken | null;
}

const WORD_END = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const WORD_START = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;

export interface AddedTokens {
  /** The text in stretches without added tokens, normalised, and the tokens between them. */
  extract(text: string): Part[];
  /** Id by content. */
  readonly ids: ReadonlyMap<string, number>;
  /** What an id decodes to, by id. */
  readonly texts: ReadonlyMap<number, string>;
  readonly specialIds: ReadonlySet<number>;
}

/**
 * The list `added_tokens` of tokenizer.json.
 * @param modelId id of a token in the vocabulary of the model
 * @param modelSize number of tokens in that vocabulary
 * @throws EspalierError `tokenizer` when an id is not the one that follows from the vocabulary
 * @source Hugging Face Tokenizers, AddedVocabulary
 */
export function readAddedTokens(
  value: unknown,
  normalizer: Normalizer | null,
  modelId: (token: string) => number | undefined,
  modelSize: number,
): AddedTokens {
  if (value !== undefined && value !== null && !Array.isArray(value))
    throw malformed('its added_tokens', 'are not a list');
  const byId = new Map<number, AddedToken>();
  const ids = new Map<string, number>();
  const specialIds = new Set<number>();
  let next = modelSize;
  for (const entry of (value ?? []) as unknown[]) {
    const token = readToken(entry);
    if (token.content === '') continue;
    const id = ids.get(token.content) ?? modelId(token.content) ?? next++;
    if (id !== token.id)
      throw unsupported(
        `the id ${token.id} for the added token ${JSON.stringify(token.content)}`,
        `by its vocabulary of ${modelSize} tokens it would be ${id}, and tokenizers disagree on ` +
          'which one counts',
      );
    ids.set(token.content, id);
    byId.set(id, token);
    if (token.special) specialIds.add(id);
  }
  const texts = new Map<number, string>();
  const raw = newNode();
  const normalised = newNode();
  for (const token of byId.values()) {
    const text =
      token.normalized && normalizer
        ? normalizer({ text: token.content, atStart: true }).text
        : token.content;
    texts.set(token.id, text);
    if (text === '')
      throw unsupported(
        `the added token ${JSON.stringify(token.content)}`,
        'its normalizer leaves nothing of it',
      );
    insert(token.normalized ? normalised : raw, text, token);
  }
  return {
    ids,
    texts,
    specialIds,
    extract(text) {
      const parts: Part[] = [];
      for (const part of split({ text, atStart: true }, raw)) {
        if ('id' in part) parts.push(part);
        else parts.push(...split(normalizer ? normalizer(part) : part, normalised));
      }
      return parts;
    },
  };
}

function readToken(entry: unknown): AddedToken {
  const options = new Options(entry, 'added token', '');
  const special = options.bool('special', false);
  const token = {
    id: options.count('id'),
    content: options.text('content'),
    singleWord: options.bool('single_word', false),
    lstrip: options.bool('lstrip', false),
    rstrip: options.bool('rstrip', false),
    normalized: options.bool('normalized', !special),
    special,
  };
  options.end();
  return token;
}

const newNode = (): Node => ({ next: new Map(), token: null });

function insert(root: Node, text: string, token: AddedToken): void {
  let node = root;
  for (let k = 0; k < text.length; k++) {
    let child = node.next.get(text[k]!);
    if (!child) {
      child = newNode();
      node.next.set(text[k]!, child);
    }
    node = child;
  }
  if (node.token)
    throw unsupported(
      `the added tokens ${JSON.stringify(node.token.content)} and ${JSON.stringify(token.content)}`,
      'they are the same text after the normalizer',
    );
  node.token = token;
}

/** The longest token that begins at a place, and where it ends. */
function longest(root: Node, text: string, from: number): { token: AddedToken; to: number } | null {
  let found: { token: AddedToken; to: number } | null = null;
  let node = root.next.get(text[from]!);
  for (let to = from + 1; node; to++) {
    if (node.token) found = { token: node.token, to };
    node = to < text.length ? node.next.get(text[to]!) : undefined;
  }
  return found;
}

function split(piece: Piece, root: Node): Part[] {
  const { text } = piece;
  if (root.next.size === 0) return text === '' ? [] : [piece];
  const parts: Part[] = [];
  const between = (from: number, to: number): void => {
    if (to > from) parts.push(slice(piece, from, to));
  };
  let done = 0;
  for (let at = 0; at < text.length; ) {
    const match = longest(root, text, at);
    if (!match) {
      at++;
      continue;
    }
    const { token } = match;
    let [from, to] = [at, match.to];
    at = to;
    if (
      token.singleWord &&
      (WORD_END.test(before(text, from)) || WORD_START.test(text.slice(to, to + 2)))
    )
      continue;
    // White space that the token before took is found again, but not taken from it.
    if (token.lstrip) {
      while (from > done && isSpace(text[from - 1]!)) from--;
      from = Math.max(from, done);
    }
    if (token.rstrip) while (to < text.length && isSpace(text[to]!)) to++;
    between(done, from);
    if (to > from) parts.push({ id: token.id });
    done = to;
  }
  between(done, text.length);
  return parts;
}

/** The character before a place, of one or two UTF-16 units. */
const before = (text: string, at: number): string => text.slice(Math.max(0, at - 2), at);
