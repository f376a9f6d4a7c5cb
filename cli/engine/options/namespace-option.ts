// The option that selects a namespace.

import type { Command } from 'commander';
import type { Controller, Namespace } from 'spdk-nvme';
import { UsageError } from '../process/exit.js';
import { integer } from './numbers.js';

/** NVM Express Base Specification, "Namespace Identifier": the broadcast value. */
export const everyNamespace = 0xffff_ffff;

export interface NamespaceOption {
  readonly namespaceId?: number;
}

/** Adds the option that selects a namespace of the controller. */
export function addNamespaceOption(command: Command): Command {
  return command.option(
    '-N, --namespace-id <NSID>',
    'the namespace (default: the only one)',
    integer(1, everyNamespace - 1),
  );
}

/** The namespace that the option selects; without the option there must be only one. */
export function namespaceOf(controller: Controller, { namespaceId }: NamespaceOption): Namespace {
  const { namespaces } = controller;
  const ids = namespaces.map(({ id }) => id).join(', ');
  if (namespaceId === undefined) {
    const [only] = namespaces;
    if (namespaces.length === 1 && only) return only;
    throw new UsageError(
      only
        ? `The controller has several namespaces (${ids}): name one with --namespace-id`
        : 'The controller has no namespace',
    );
  }
  const found = namespaces.find(({ id }) => id === namespaceId);
  if (found) return found;
  throw new UsageError(`The controller has no namespace ${namespaceId}; it has ${ids || 'none'}`);
}
