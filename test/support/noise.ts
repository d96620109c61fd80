/** Random numbers for tests of statistics, always the same for a seed. */
export function noise(seed: number) {
  let state = seed
  /** From 0 to 1. */
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return (state >>> 0) / 2 ** 32
  }
  return {
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  }
}
