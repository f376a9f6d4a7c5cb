/** The events of a controller, but those of its notes and reservations. */
export const controllerEvents = [
  'state',
  'failed',
  'resetting',
  'reconnectFailed',
  'failingFast',
  'reset',
  'namespaces',
  'detached',
] as const;
