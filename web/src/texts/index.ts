import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import { en, type Texts } from './en.ts'
import { zh } from './zh.ts'

export type { Texts } from './en.ts'

export const languages = { en, zh } as const
export type Language = keyof typeof languages
export const LANGUAGES = Object.keys(languages) as Language[]

const LANG_ATTRIBUTES: Readonly<Record<Language, string>> = { en: 'en', zh: 'zh-CN' }

/** The one that the user chose before, or the browser's. */
export function firstLanguage(chosen: string | null): Language {
  const found = LANGUAGES.find((language) => language === chosen)
  return found ?? (navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en')
}

/** Tells the document, for screen readers and hyphenation. */
export function applyLanguage(language: Language): void {
  document.documentElement.lang = LANG_ATTRIBUTES[language]
}

const TextsContext = createContext<Texts>(en)
export const TextsProvider = TextsContext.Provider
export const useTexts = (): Texts => useContext(TextsContext)
