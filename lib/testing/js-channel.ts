// The way back into JavaScript.

import type { Scheduler } from './scheduler.js';

/** native/binding/js_channel.h: the way back into JavaScript. What is posted runs later, in order. */
export class JsChannel {
  readonly #scheduler: Scheduler;
  #tasks: (() => void)[] = [];

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  post(task: () => void): void {
    this.#tasks.push(task);
    if (this.#tasks.length === 1) this.#wake();
  }

  #wake(): void {
    this.#scheduler.after(0, () => this.#run());
  }

  #run(): void {
    const tasks = this.#tasks;
    this.#tasks = [];
    try {
      for (let task = tasks.shift(); task; task = tasks.shift()) task();
    } finally {
      // A listener threw, which is an uncaught exception; what else there is comes all the same.
      if (tasks.length > 0) {
        this.#tasks = [...tasks, ...this.#tasks];
        this.#wake();
      }
    }
  }
}
