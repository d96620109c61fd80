// Settings as the address and the fields have them: text, until they are found to be what they must be.

export interface IntegerRange {
  readonly least: number
  readonly most: number
}

/** The whole number that a text is, within the range; null for anything else. */
export function parseInteger(text: string, { least, most }: IntegerRange): number | null {
  const value = Number(text)
  return /^\d+$/.test(text.trim()) && value >= least && value <= most ? value : null
}

/** The settings by name, where the address has them, else the first ones. */
export function initialSettings<Name extends string>(
  first: Readonly<Record<Name, string>>,
  given: URLSearchParams,
): Record<Name, string> {
  const names = Object.keys(first) as Name[]
  return Object.fromEntries(names.map((name) => [name, given.get(name) ?? first[name]])) as Record<
    Name,
    string
  >
}
