/** Options for tests with sockets: an open resource or pending operation at the end fails the test. */
export const leakChecked = { sanitizeOps: true, sanitizeResources: true } as const;
