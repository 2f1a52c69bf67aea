/** Options for tests with sockets: one that leaves something open or under way fails. */
export const leakChecked = { sanitizeOps: true, sanitizeResources: true } as const;
