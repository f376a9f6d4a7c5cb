// An environment that several parts of a program share.

import { asyncDispose } from './internal/disposal.js';
import { Outcome, waitForClose } from './internal/pending-call.js';
import { type CloseOptions, resolveCloseOptions } from './options/environment.js';

/**
 * One holder's share of the process's environment, made by `Environment.shared()`. Close it, not the environment, which is
 * closed with the last share.
 */
export class EnvironmentShare<Environment> implements AsyncDisposable {
  /** The environment, the same for all holders. */
  readonly environment: Environment;
  readonly #release: (options?: CloseOptions) => Promise<void>;
  #closing: Promise<void> | undefined;

  private constructor(environment: Environment, release: (options?: CloseOptions) => Promise<void>) {
    this.environment = environment;
    this.#release = release;
  }

  /** @internal */
  static create<Environment>(
    environment: Environment,
    release: (options?: CloseOptions) => Promise<void>,
  ): EnvironmentShare<Environment> {
    return new EnvironmentShare(environment, release);
  }

  /** @internal Whether a value is one, and not merely looks like one. */
  static isOne(value: unknown): value is EnvironmentShare<unknown> {
    return typeof value === 'object' && value !== null && #release in value;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Gives the share back. The last one closes the environment, as `env.close()` does; the others leave it and all of its
   * controllers as they are, so detach your own before. Further calls get the outcome of the first, unless
   * their own `timeoutMs` is over before.
   * @throws {SpdkError} as `env.close()`
   */
  async close(options?: CloseOptions): Promise<void> {
    const limits = resolveCloseOptions(options);
    if (!this.#closing) {
      const end = new Outcome<void>();
      this.#closing = end.promise;
      end.follow(this.#release(limits));
      return this.#closing;
    }
    return waitForClose(this.#closing, 'the share', limits.timeoutMs);
  }

  async [asyncDispose](): Promise<void> {
    await this.close();
  }
}
