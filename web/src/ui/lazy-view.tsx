import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { useTexts } from '../texts/index.ts'
import { Notice } from './notice.tsx'

/** A view whose code is loaded when it is first shown. */
export function lazyView<Props extends object>(
  load: () => Promise<ComponentType<Props>>,
): ComponentType<Props> {
  return function LazyView(props: Props) {
    const { failed } = useTexts()
    const [loaded, setLoaded] = useState<{ readonly View: ComponentType<Props> } | 'failed' | null>(null)
    useEffect(() => {
      load().then(
        (View) => setLoaded({ View }),
        () => setLoaded('failed'),
      )
    }, [])
    if (loaded === 'failed') return <Notice level="bad">{failed('')}</Notice>
    return loaded && <loaded.View {...props} />
  }
}
