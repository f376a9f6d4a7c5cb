import fc from 'fast-check';
import type { World } from './world.js';

/** One thing that a program or the outside may do, with what was drawn for it. */
class Step<Drawn> implements fc.AsyncCommand<World, World> {
  readonly #name: string;
  readonly #drawn: Drawn;
  readonly #possible: (world: World) => boolean;
  readonly #act: (world: World, drawn: Drawn) => void | Promise<void>;

  constructor(definition: StepDefinition<Drawn>, drawn: Drawn) {
    this.#name = definition.name;
    this.#possible = definition.possible;
    this.#act = definition.act;
    this.#drawn = drawn;
  }

  check(world: World): boolean {
    return this.#possible(world);
  }

  async run(world: World): Promise<void> {
    await this.#act(world, this.#drawn);
    world.check();
    if (world.problems.length > 0) throw new Error(world.problems.join('\n'));
  }

  toString(): string {
    return `${this.#name}(${fc.stringify(this.#drawn)})`;
  }
}

interface StepDefinition<Drawn> {
  readonly name: string;
  readonly possible: (world: World) => boolean;
  readonly draw: fc.Arbitrary<Drawn>;
  /** May throw what the package throws for a wrong use; problems of the package go to `world.problems`. */
  readonly act: (world: World, drawn: Drawn) => void | Promise<void>;
}

export type AnyStep = fc.Arbitrary<fc.AsyncCommand<World, World>>;

export function step<Drawn>(definition: StepDefinition<Drawn>): AnyStep {
  return definition.draw.map((drawn) => new Step(definition, drawn));
}

/** The element that a drawn number stands for. */
export function pick<Item>(items: readonly Item[], number: number): Item {
  return items[number % items.length] as Item;
}

export const index = fc.nat(5);
