// What the layers made of the picture: computed in a worker, and read for those layers that are near the screen.
import { useEffect, useRef, useState } from 'preact/hooks'
import type { NetworkChoice } from '../model/choice.ts'
import { useTaskRunner } from '../work/use-task.ts'
import type { ExplainEvent, ExplainRequest, Maps } from './explain-work.ts'
import type { PictureInput } from './picture-input.ts'
import type { PixelValues } from './pixels.ts'

export type Computed = Extract<ExplainEvent, { kind: 'computed' }>

export interface LayerMaps {
  readonly computed: Computed | null
  /** What went wrong, as a sentence; empty if the worker was lost. */
  readonly failure: string | null
  /** Calls back with a layer's maps of this picture and of later ones, until null is given instead. */
  watch(layer: string, onMaps: ((maps: Maps) => void) | null): void
}

/** `network` and `input` stay as they are. Without a picture nothing is computed. */
export function useMaps(
  network: NetworkChoice,
  input: PictureInput | null,
  picture: ImageData | null,
  values: PixelValues,
): LayerMaps {
  const runner = useTaskRunner<ExplainRequest, ExplainEvent>('explain')
  const [computed, setComputed] = useState<Computed | null>(null)
  const [failure, setFailure] = useState<string | null>(null)
  const watched = useRef(new Map<string, (maps: Maps) => void>())
  const isComputed = useRef(false)
  /** Of the latest picture. */
  const isRead = useRef(new Set<string>())
  const latest = useRef<object | null>(null)
  useEffect(
    () => () => {
      latest.current = null
    },
    [],
  )

  /** One task after the other; none for a picture that is not the latest, nor when the view is gone. */
  async function ask(request: () => ExplainRequest | null, of: object): Promise<void> {
    while (runner.isRunning) await runner.whenIdle()
    if (latest.current !== of) return
    const asked = request()
    if (!asked) return
    const end = await runner.run(asked, (events) => {
      if (latest.current === of) for (const event of events) take(event)
    })
    if (latest.current === of && end.kind === 'failed') setFailure(end.message)
  }

  function take(event: ExplainEvent): void {
    if (event.kind === 'computed') setComputed(event)
    else watched.current.get(event.layer)?.(event.maps)
  }

  async function read(of: object): Promise<void> {
    await ask(() => {
      const layers = [...watched.current.keys()].filter((layer) => !isRead.current.has(layer))
      for (const layer of layers) isRead.current.add(layer)
      return layers.length > 0 ? { kind: 'read', layers } : null
    }, of)
  }

  useEffect(() => {
    if (!input || !picture) return
    const run = {}
    latest.current = run
    isComputed.current = false
    setComputed(null)
    setFailure(null)
    const request: ExplainRequest = { kind: 'run', network, input, pixels: picture.data, values }
    ask(() => request, run).then(() => {
      if (latest.current !== run) return
      isComputed.current = true
      isRead.current.clear()
      read(run)
    })
  }, [picture, values])

  function watch(layer: string, onMaps: ((maps: Maps) => void) | null): void {
    if (onMaps) {
      watched.current.set(layer, onMaps)
      if (isComputed.current && latest.current) read(latest.current)
    } else {
      watched.current.delete(layer)
      isRead.current.delete(layer)
    }
  }

  return { computed, failure, watch }
}
