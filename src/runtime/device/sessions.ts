// Compiled sessions by program: created once, run and released one at a time.

import type { InferenceSession, Tensor } from 'onnxruntime-web';
import type { Program } from '../../model/programs/program.ts';
import type { DirectRunner } from './engine.ts';
import { fault } from './fault.ts';
import type { OrtRuntime } from './ort.ts';

export type Fetches = Record<string, Tensor | null>;

/** Rejects when the device is lost, so that a run that never returns does not hang its caller. */
export type Guard = <T>(work: Promise<T>) => Promise<T>;

/** What fails is thrown and said on the page: nothing needs to be logged too. */
const QUIET = { logSeverityLevel: 4 } as const;

export class Sessions {
  private readonly byKey = new Map<string, Promise<InferenceSession>>();
  private readonly numbers = new WeakMap<object, number>();
  private count = 0;
  private readonly runtime: OrtRuntime;

  constructor(runtime: OrtRuntime) {
    this.runtime = runtime;
  }

  /**
   * Creates the session of `program` unless it is there. `kind` distinguishes sessions of one
   * program on several providers.
   */
  async create(
    program: Pick<Program, 'id' | 'bytes'>,
    kind: string,
    options: InferenceSession.SessionOptions,
  ): Promise<string> {
    const key = this.keyOf(program, kind);
    let session = this.byKey.get(key);
    if (!session) {
      session = this.runtime.exclusive(() =>
        this.runtime.ort.InferenceSession.create(program.bytes, {
          // What fails is thrown and said on the page.
          logSeverityLevel: 4,
          ...options,
        }),
      );
      this.byKey.set(key, session);
      session.catch(() => this.byKey.delete(key));
    }
    try {
      await session;
      return key;
    } catch (error) {
      throw fault(error, `compiling ${program.id}`);
    }
  }

  async run(
    key: string,
    feeds: Record<string, Tensor>,
    fetches: Fetches,
    guard: Guard | null,
  ): Promise<Record<string, Tensor>> {
    return (await this.direct(key, guard)).run(feeds, fetches);
  }

  /** The session as it is, for callers that run it many times. */
  async direct(key: string, guard: Guard | null): Promise<DirectRunner> {
    const session = await this.byKey.get(key);
    if (!session) throw fault(new Error(`no session ${key}`), 'running a program');
    const { runtime } = this;
    const runner: DirectRunner = {
      outputs: session.outputNames,
      seconds: 0,
      async run(feeds, fetches) {
        try {
          return await runtime.exclusive(async () => {
            const started = performance.now();
            const result = (
              fetches ? session.run(feeds, fetches, QUIET) : session.run(feeds, QUIET)
            ) as Promise<Record<string, Tensor>>;
            const outputs = await (guard ? guard(result) : result);
            runner.seconds += (performance.now() - started) / 1000;
            return outputs;
          });
        } catch (error) {
          throw fault(error, `running ${key}`);
        }
      },
    };
    return runner;
  }

  async names(key: string): Promise<{ inputs: readonly string[]; outputs: readonly string[] }> {
    const session = await this.byKey.get(key);
    return { inputs: session?.inputNames ?? [], outputs: session?.outputNames ?? [] };
  }

  /** Releases the named sessions, or all. */
  async release(keys: readonly string[] = [...this.byKey.keys()]): Promise<void> {
    for (const key of keys) {
      const pending = this.byKey.get(key);
      this.byKey.delete(key);
      await this.runtime.exclusive(async () => {
        const session = await pending?.catch(() => null);
        await session?.release().catch(() => {});
      });
    }
  }

  /**
   * Ids such as "block-0" are unique within one model only, so the key also counts program objects.
   */
  private keyOf(program: object & { id: string }, kind: string): string {
    const known = this.numbers.get(program) ?? ++this.count;
    this.numbers.set(program, known);
    return `${program.id} ${kind} #${known}`;
  }
}
