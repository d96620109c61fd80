import { useEffect, useLayoutEffect, useState } from 'preact/hooks'
import { BenchmarkView } from './benchmark/benchmark-view.tsx'
import { CompareView } from './compare/compare-view.tsx'
import { ModelPanel } from './model/model-panel.tsx'
import { ModelProvider, useModelState } from './model/use-model.ts'
import { findPlatform, type Platform } from './platform.ts'
import { readPreference, usePreference } from './preferences.ts'
import { useRoutes, VIEWS, type View } from './route.ts'
import {
  applyLanguage,
  firstLanguage,
  LANGUAGE_NAMES,
  LANGUAGES,
  loadTexts,
  TextsProvider,
  textsOf,
} from './texts/index.ts'
import { TrainView } from './train/train-view.tsx'
import { lazyView } from './ui/lazy-view.tsx'
import { PlatformPanel } from './ui/platform-panel.tsx'

const THEMES = ['system', 'light', 'dark'] as const
type Theme = (typeof THEMES)[number]

const viewComponents = {
  benchmark: BenchmarkView,
  compare: CompareView,
  explain: lazyView(async () => (await import('./explain/explain-view.tsx')).ExplainView),
  train: TrainView,
}

export function App() {
  const [language, setLanguage] = usePreference('language', firstLanguage(readPreference('language')))
  const [theme, setTheme] = usePreference<Theme>('theme', firstTheme())
  const [platform, setPlatform] = useState<Platform | null>(null)
  const { view, seen } = useRoutes()
  const model = useModelState()
  const texts = textsOf(language)
  useLayoutEffect(() => applyLanguage(language), [language])
  useLayoutEffect(() => applyTheme(theme), [theme])
  useEffect(() => {
    document.title = `${texts.views[view]} – ${texts.title}`
  }, [texts, view])
  useEffect(() => {
    findPlatform().then(setPlatform)
  }, [])
  return (
    <TextsProvider value={texts}>
      <ModelProvider value={model}>
        <a class="skip" href="#main">
          {texts.skip}
        </a>
        <header>
          <div>
            <h1>{texts.title}</h1>
            <p class="quiet">{texts.tagline}</p>
          </div>
          <div class="choices">
            <Choice
              label={texts.language}
              value={language}
              onChange={(name) => loadTexts(name).then(() => setLanguage(name))}
              options={LANGUAGES.map((name) => [name, LANGUAGE_NAMES[name]])}
            />
            <Choice
              label={texts.theme}
              value={theme}
              onChange={setTheme}
              options={THEMES.map((name) => [name, texts.themes[name]])}
            />
          </div>
          <nav aria-label={texts.viewsLabel}>
            <ul>
              {VIEWS.map((name) => (
                <li key={name}>
                  <ViewLink view={name} isCurrent={name === view} text={texts.views[name]} />
                </li>
              ))}
            </ul>
          </nav>
        </header>
        <main id="main" tabIndex={-1}>
          {(view !== 'train' || model.model || model.attempt || model.fault) && <ModelPanel />}
          {VIEWS.map((name) => {
            const [View, settings] = [viewComponents[name], seen[name]]
            return (
              settings && (
                <div key={`${name}?${settings}`} hidden={name !== view}>
                  <View settings={settings} platform={platform} />
                </div>
              )
            )
          })}
          {platform && <PlatformPanel platform={platform} />}
        </main>
        <footer class="quiet">{texts.nothingLeaves}</footer>
      </ModelProvider>
    </TextsProvider>
  )
}

function ViewLink({ view, isCurrent, text }: { view: View; isCurrent: boolean; text: string }) {
  return (
    <a href={`#${view}`} aria-current={isCurrent ? 'page' : undefined}>
      {text}
    </a>
  )
}

interface ChoiceProps<T extends string> {
  readonly label: string
  readonly value: T
  readonly options: readonly (readonly [value: T, text: string])[]
  readonly onChange: (value: T) => void
}

function Choice<T extends string>({ label, value, options, onChange }: ChoiceProps<T>) {
  return (
    <label>
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
        {options.map(([name, text]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
      </select>
    </label>
  )
}

function firstTheme(): Theme {
  const chosen = readPreference('theme')
  return THEMES.find((theme) => theme === chosen) ?? 'system'
}

function applyTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme
}
