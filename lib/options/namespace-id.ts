// Namespace ids (NVMe base specification, "NSID and Namespace Relationships").

/** The broadcast value: all namespaces of the controller. */
export const everyNamespace = 0xffff_ffff;
