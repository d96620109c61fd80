// The user's own network, for all views: what is chosen, and what became of the latest file.
import type { OnnxRefusal } from 'convmark/formats'
import { createContext } from 'preact'
import { useContext, useEffect, useRef, useState } from 'preact/hooks'
import { startTasks } from '../work/start.ts'
import type { TaskRunner } from '../work/task.ts'
import { useFileDrop } from './file-drop.ts'
import type { ImportEvent, ImportRequest } from './import-work.ts'
import type { ImageSize, Model } from './model.ts'

/** The latest files, while they are not the chosen network. */
export type Attempt = {
  readonly request: ImportRequest
} & (
  | { readonly kind: 'reading' }
  | { readonly kind: 'size' }
  | { readonly kind: 'data'; readonly missing: string }
  | { readonly kind: 'refused'; readonly refusals: readonly OnnxRefusal[] }
  | { readonly kind: 'failed'; readonly message: string }
)

export interface ModelState {
  readonly model: Model | null
  /** Null when there is nothing to say: the chosen network stays until another one was read. */
  readonly attempt: Attempt | null
  /** Files that could not be tried at all. */
  readonly fault: 'no-model' | 'several-models' | null
  /** Whether a file is being dragged over the page. */
  readonly isOver: boolean
  open(files: readonly File[]): void
  /** Reads the latest file again, for images of this size. */
  resize(imageSize: ImageSize): void
  /** Of the latest files nothing more is said. */
  dismiss(): void
  remove(): void
}

export function useModelState(): ModelState {
  const [model, setModel] = useState<Model | null>(null)
  const [attempt, setAttempt] = useState<Attempt | null>(null)
  const [fault, setFault] = useState<ModelState['fault']>(null)
  const running = useRef<TaskRunner<ImportRequest, ImportEvent> | null>(null)
  const latest = useRef<ImportRequest | null>(null)
  useEffect(() => () => running.current?.dispose(), [])

  async function read(request: ImportRequest): Promise<void> {
    running.current?.dispose()
    const runner = startTasks<ImportRequest, ImportEvent>('import')
    running.current = runner
    setFault(null)
    setAttempt({ kind: 'reading', request })
    let event: ImportEvent | undefined
    const end = await runner.run(request, (events) => {
      event = events.at(-1)
    })
    if (running.current !== runner) return // another file came
    runner.dispose()
    running.current = null
    if (event?.kind === 'imported') {
      const { file, fileName } = event.model
      latest.current = { ...request, file: new File([file], fileName) }
      setModel(event.model)
      setAttempt(null)
    } else if (event) setAttempt({ ...event, request })
    else setAttempt({ kind: 'failed', message: end.kind === 'failed' ? end.message : '', request })
  }

  function open(files: readonly File[]): void {
    const models = files.filter(isModel)
    const others = files.filter((file) => !isModel(file))
    const isAdded = attempt?.kind === 'data' && models.length === 0
    if (isAdded) {
      const { request } = attempt
      read({ ...request, beside: [...others, ...request.beside] })
    } else if (models.length === 1) read({ file: models[0]!, beside: others, imageSize: null })
    else setFault(models.length === 0 ? 'no-model' : 'several-models')
  }

  function dismiss(): void {
    running.current?.dispose()
    running.current = null
    setAttempt(null)
    setFault(null)
  }

  const isWanted = (files: readonly File[]): boolean => attempt?.kind === 'data' || files.some(isModel)
  const isOver = useFileDrop(isWanted, open)
  return {
    model,
    attempt,
    fault,
    isOver,
    open,
    resize(imageSize) {
      const request = attempt?.request ?? latest.current
      if (request) read({ ...request, imageSize })
    },
    dismiss,
    remove() {
      dismiss()
      latest.current = null
      setModel(null)
    },
  }
}

/** What is dropped is told apart by its name: the views' own files (pictures, results, models of Train) are theirs. */
const isModel = ({ name }: File): boolean => /\.onnx$/i.test(name)

const ModelContext = createContext<ModelState | null>(null)
export const ModelProvider = ModelContext.Provider
export const useModel = (): ModelState => useContext(ModelContext)!
