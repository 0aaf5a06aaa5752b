// Coded errors that cross every boundary of the studio; a message says what, which value, and what
// to do next.

/** Closed union of error codes. Cancellation is not an error but travels the same way. */
export type ErrorCode =
  | 'unsupported-op'
  | 'unsupported-graph'
  | 'corrupt-file'
  | 'missing-file'
  | 'no-webgpu'
  | 'device-lost'
  | 'out-of-memory'
  | 'too-large'
  | 'disk-full'
  | 'tokenizer'
  | 'bad-input'
  | 'cancelled'
  | 'bug';

/** The plain form in which an error crosses a thread or lands in a JSON file. */
export interface ErrorReport {
  readonly code: ErrorCode;
  /** What went wrong, naming the offending value. One sentence for people. */
  readonly message: string;
  /** What to do next. */
  readonly hint: string;
  /** Technical detail (a stack, a runtime's own message); may be empty. */
  readonly detail: string;
}

/**
 * An expected failure: bad input, an unsupported graph, a lost device. Anything else that is thrown
 * is a bug.
 */
export class EspalierError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly detail: string;

  constructor(code: ErrorCode, message: string, hint = '', detail = '') {
    super(message);
    this.name = 'EspalierError';
    this.code = code;
    this.hint = hint;
    this.detail = detail;
  }
}

/** How a job ends that was cancelled. */
export function cancelled(): EspalierError {
  return new EspalierError('cancelled', 'Cancelled.');
}

/** True for the way a cancelled job ends. */
export function isCancelled(error: unknown): boolean {
  return error instanceof EspalierError
    ? error.code === 'cancelled'
    : (error as { name?: string } | null)?.name === 'AbortError';
}

/** Any thrown value as a report; what is not an EspalierError becomes code `bug`. */
export function toReport(error: unknown): ErrorReport {
  if (error instanceof EspalierError)
    return { code: error.code, message: error.message, hint: error.hint, detail: error.detail };
  if (isCancelled(error)) return { code: 'cancelled', message: 'Cancelled.', hint: '', detail: '' };
  const e = error instanceof Error ? error : new Error(String(error));
  // An array that did not fit, in the words of V8, SpiderMonkey and JavaScriptCore.
  if (
    /allocation failed|allocation size overflow|out of memory/i.test(e.message) &&
    /RangeError|InternalError/.test(e.name)
  )
    return {
      code: 'out-of-memory',
      message: 'Memory ran out.',
      hint:
        'Close other tabs, lower the memory budget in the settings, or use fewer or shorter ' +
        'windows.',
      detail: e.stack ?? e.message,
    };
  return {
    code: 'bug',
    message: e.message || 'Something failed without a message.',
    hint: 'Please report this with the detail below.',
    detail: e.stack ?? '',
  };
}

/** A report back as a throwable error. */
export function fromReport(report: ErrorReport): EspalierError {
  return new EspalierError(report.code, report.message, report.hint, report.detail);
}

/** Throws the `cancelled` error when the signal is set; call between runs and chunks. */
export function throwIfCancelled(signal: { readonly aborted: boolean } | undefined): void {
  if (signal?.aborted) throw cancelled();
}
