// Errors with a code, a message that names the offending value, and a hint what to do next.

/** All error codes. Cancellation is no failure but is thrown the same way. */
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

/** An error as plain data, for another thread or a JSON file. */
export interface ErrorReport {
  readonly code: ErrorCode;
  /** What went wrong, in one sentence that names the offending value. */
  readonly message: string;
  /** What to do next. */
  readonly hint: string;
  /** Technical detail (a stack trace, the message of a library); may be empty. */
  readonly detail: string;
}

/** An expected failure: bad input, an unsupported graph, a lost device. Anything else is a bug. */
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

/** The error with which a cancelled job ends. */
export function cancelled(): EspalierError {
  return new EspalierError('cancelled', 'Cancelled.');
}

/** True for the error of a cancelled job, and for an AbortError. */
export function isCancelled(error: unknown): boolean {
  return error instanceof EspalierError
    ? error.code === 'cancelled'
    : (error as { name?: string } | null)?.name === 'AbortError';
}

/**
 * Any thrown value as a report; unexpected ones get the code `bug`, failed allocations their own.
 */
export function toReport(error: unknown): ErrorReport {
  if (error instanceof EspalierError)
    return { code: error.code, message: error.message, hint: error.hint, detail: error.detail };
  if (isCancelled(error)) return { code: 'cancelled', message: 'Cancelled.', hint: '', detail: '' };
  const e = error instanceof Error ? error : new Error(String(error));
  // The messages of V8, SpiderMonkey and JavaScriptCore when an allocation fails.
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

/** The error of a report. */
export function fromReport(report: ErrorReport): EspalierError {
  return new EspalierError(report.code, report.message, report.hint, report.detail);
}

/** Throws `cancelled` when the signal is aborted. Call it between runs and chunks. */
export function throwIfCancelled(signal: { readonly aborted: boolean } | undefined): void {
  if (signal?.aborted) throw cancelled();
}
