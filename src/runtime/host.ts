/** Node (and what passes for it), as against a browser. */
export const isNode: boolean = typeof process === 'object' && typeof process.versions?.node === 'string'
