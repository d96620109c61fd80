import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import { en, type Texts } from './en.ts'

export type { Texts } from './en.ts'

export const LANGUAGE_NAMES = { en: 'English', zh: '中文' } as const
export type Language = keyof typeof LANGUAGE_NAMES
export const LANGUAGES = Object.keys(LANGUAGE_NAMES) as Language[]

const loaded: Partial<Record<Language, Texts>> = { en }

/** Nobody needs both languages: a page begins with one. */
export async function loadTexts(language: Language): Promise<void> {
  loaded[language] ??= (await import('./zh.ts')).zh
}

/** English until a language was loaded. */
export const textsOf = (language: Language): Texts => loaded[language] ?? en

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
