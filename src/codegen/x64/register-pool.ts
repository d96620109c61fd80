/** Gives out registers and takes them back. It gives the first free one in order of preference. */
export class RegisterPool {
  /** All registers that were ever taken. */
  readonly everTaken = new Set<number>()
  readonly #what: string
  readonly #order: readonly number[]
  readonly #taken = new Set<number>()

  constructor(what: string, order: readonly number[]) {
    this.#what = what
    this.#order = order
  }

  takeIfFree(): number | null {
    const register = this.#order.find((candidate) => !this.#taken.has(candidate))
    return register === undefined ? null : this.takeThis(register)
  }

  /** Throws if all registers are taken. */
  take(): number {
    const register = this.takeIfFree()
    if (register === null) throw new Error(`${this.#what}: more than ${this.#order.length} are needed`)
    return register
  }

  takeThis(register: number): number {
    this.#taken.add(register)
    this.everTaken.add(register)
    return register
  }

  release(register: number): void {
    this.#taken.delete(register)
  }
}
