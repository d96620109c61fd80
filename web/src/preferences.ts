// What the user chose, for the next time. A browser that keeps nothing (private, or storage forbidden) is no error.
import { useState } from 'preact/hooks'

export function readPreference(name: string): string | null {
  try {
    return localStorage.getItem(`convmark.${name}`)
  } catch {
    return null
  }
}

export function usePreference<T extends string>(name: string, first: T): [T, (value: T) => void] {
  const [value, setValue] = useState(first)
  const set = (next: T): void => {
    setValue(next)
    try {
      localStorage.setItem(`convmark.${name}`, next)
    } catch {
      // it holds for this visit
    }
  }
  return [value, set]
}
