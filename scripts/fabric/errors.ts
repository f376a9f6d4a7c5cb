/** The fabric itself failed (not the command inside it): the message says what to do. */
export class FabricError extends Error {
  override name = 'FabricError';
}
