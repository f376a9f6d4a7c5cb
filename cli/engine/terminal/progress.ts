// The progress of a run, on a terminal and elsewhere.

import type { SingleBar } from 'cli-progress';
import type { Progress } from '../process/messages.js';
import { canDraw, newBar } from './bar.js';

const LINE_EVERY_MS = 5_000;

/** The requested length of a run, in loops or seconds. */
export interface Extent {
  readonly loops?: number | undefined;
  readonly seconds?: number | undefined;
}

/** Shows the progress of a run. */
export interface ProgressView {
  update(progress: Progress): void;
  /** Writes text without damaging the progress display. */
  write(text: string): void;
  end(): void;
}

/** A progress bar on a terminal, a line from time to time elsewhere. */
export function progressView(extent: Extent, stream: NodeJS.WriteStream): ProgressView {
  return canDraw(stream) ? new ProgressBar(extent, stream) : new ProgressLines(extent, stream);
}

/** The content of both views. `fraction` is from 0 to 1; rate and time left are missing at the start. */
export function summarize(extent: Extent, { loops, failed, hangs, elapsedMs }: Progress) {
  const seconds = elapsedMs / 1000;
  const done = extent.seconds === undefined ? loops : Math.min(seconds, extent.seconds);
  const fraction = done / (extent.seconds ?? extent.loops ?? 1);
  const rate = loops > 0 && seconds > 0 ? loops / seconds : undefined;
  const leftSeconds =
    extent.seconds === undefined
      ? rate && ((extent.loops ?? 0) - loops) / rate
      : Math.max(0, extent.seconds - seconds);
  const of = extent.seconds === undefined ? `/${extent.loops}` : '';
  const count = `${loops}${of} ${of || loops !== 1 ? 'loops' : 'loop'}`;
  const parts = [
    count,
    rate && `${rate.toFixed(1)}/s`,
    leftSeconds !== undefined && `${duration(leftSeconds)} left`,
  ];
  if (failed > 0) parts.push(`${failed} failed`);
  if (hangs > 0) parts.push(`${hangs} hung`);
  return { fraction, text: parts.filter(Boolean).join(', ') };
}

/** A time as `1:02:03`, `2:03` or `3 s`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const pad = (value: number) => String(value).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  const rest = pad(whole % 60);
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${rest}`;
}

class ProgressBar implements ProgressView {
  readonly #extent: Extent;
  readonly #stream: NodeJS.WriteStream;
  readonly #bar: SingleBar;

  constructor(extent: Extent, stream: NodeJS.WriteStream) {
    this.#extent = extent;
    this.#stream = stream;
    this.#bar = newBar(stream);
  }

  update(progress: Progress): void {
    const { fraction, text } = summarize(this.#extent, progress);
    if (this.#bar.isActive) this.#bar.update(fraction, { text });
    else this.#bar.start(1, fraction, { text });
  }

  write(text: string): void {
    if (this.#bar.isActive) this.#stream.write('\r\x1b[K');
    this.#stream.write(text);
  }

  end(): void {
    if (this.#bar.isActive) this.#bar.stop();
  }
}

class ProgressLines implements ProgressView {
  readonly #extent: Extent;
  readonly #stream: NodeJS.WriteStream;
  #next = 0;
  #last = '';

  constructor(extent: Extent, stream: NodeJS.WriteStream) {
    this.#extent = extent;
    this.#stream = stream;
  }

  update(progress: Progress): void {
    this.#last = summarize(this.#extent, progress).text;
    if (progress.elapsedMs < this.#next) return;
    this.#next = progress.elapsedMs + LINE_EVERY_MS;
    this.#flush();
  }

  write(text: string): void {
    this.#stream.write(text);
  }

  end(): void {
    this.#flush();
  }

  #flush(): void {
    if (this.#last) this.#stream.write(`${this.#last}\n`);
    this.#last = '';
  }
}
