// One resource for several holders: opened for the first, closed with the last.

import { SpdkError } from '../errors/spdk-error.js';

/** What can be shared. */
export interface Closable<CloseOptions> {
  readonly closed: boolean;
  close(options?: CloseOptions): Promise<void>;
}

interface Shared<Resource, Options> {
  readonly options: Options;
  readonly resource: Promise<Resource>;
  /** The resource, once it is open. */
  opened: Resource | undefined;
  holders: number;
  /** The last holder has closed it, or is closing it. */
  ending: Promise<void> | undefined;
}

/** Hands out what is shared, and counts who has it. */
export class Sharing<Resource extends Closable<CloseOptions>, Options extends object, CloseOptions> {
  #current: Shared<Resource, Options> | undefined;

  /**
   * The resource for one more holder, and how that holder gives it back.
   * @param wanted what it is opened with, if it is not open
   * @param given those of them that must be as wanted if it is
   * @throws {SpdkError} ERR_SPDK_CONFLICTING_OPTIONS, naming the option that differs; or why it could not be opened
   */
  async hold(
    wanted: Options,
    given: readonly (keyof Options & string)[],
    open: (options: Options) => Promise<Resource>,
  ): Promise<{ resource: Resource; release: (options?: CloseOptions) => Promise<void> }> {
    for (;;) {
      const shared = this.#current ?? this.#begin(wanted, open);
      // The resource may be closed without its holders: its options do not matter any more.
      if (shared.opened?.closed) shared.ending ??= shared.opened.close();
      if (!shared.ending) {
        checkSame(wanted, given, shared.options);
        // Immediately, so that no other holder closes it as the last one meanwhile.
        shared.holders++;
        const resource = await shared.resource;
        if (!resource.closed) {
          return { resource, release: (options) => this.#release(shared, resource, options) };
        }
        shared.ending ??= resource.close();
      }
      await shared.ending.catch(() => {});
      this.#forget(shared);
    }
  }

  #begin(options: Options, open: (options: Options) => Promise<Resource>): Shared<Resource, Options> {
    const shared: Shared<Resource, Options> = {
      options,
      resource: open(options),
      opened: undefined,
      holders: 0,
      ending: undefined,
    };
    // Each holder has the reason; this is for the next one.
    shared.resource.then(
      (opened) => {
        shared.opened = opened;
      },
      () => this.#forget(shared),
    );
    this.#current = shared;
    return shared;
  }

  async #release(
    shared: Shared<Resource, Options>,
    resource: Resource,
    options: CloseOptions | undefined,
  ): Promise<void> {
    shared.holders--;
    if (shared.holders > 0) return;
    shared.ending = resource.close(options);
    try {
      await shared.ending;
    } finally {
      this.#forget(shared);
    }
  }

  #forget(shared: Shared<Resource, Options>): void {
    if (this.#current === shared) this.#current = undefined;
  }
}

function checkSame<Options extends object>(
  wanted: Options,
  given: readonly (keyof Options & string)[],
  options: Options,
): void {
  for (const name of given) {
    if (wanted[name] === options[name]) continue;
    throw new SpdkError(
      'ERR_SPDK_CONFLICTING_OPTIONS',
      `The shared environment is open with ${name} ${options[name]}, but ${wanted[name]} was requested. Omit ${name} to accept the open environment's`,
    );
  }
}
