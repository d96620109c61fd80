import { useEffect, useRef, useState } from 'preact/hooks'

/**
 * Files that are dropped anywhere on the page. Those that are `wanted` come here wherever they are dropped; others if
 * nothing at that place takes them. Returns whether something is being dragged over the page.
 */
export function useFileDrop(
  wanted: (files: readonly File[]) => boolean,
  onFiles: (files: readonly File[]) => void,
): boolean {
  const [isOver, setIsOver] = useState(false)
  const current = useRef({ wanted, onFiles })
  current.current = { wanted, onFiles }
  useEffect(() => {
    const listening = new AbortController()
    const take = (event: DragEvent, files: readonly File[]): void => {
      event.preventDefault()
      event.stopPropagation()
      current.current.onFiles(files)
    }
    const first = (event: DragEvent): void => {
      setIsOver(false)
      const files = filesOf(event)
      if (files.length > 0 && current.current.wanted(files)) take(event, files)
    }
    const last = (event: DragEvent): void => {
      const files = filesOf(event)
      if (files.length > 0 && !event.defaultPrevented) take(event, files)
      event.preventDefault() // what is dropped would take the page's own place
    }
    const over = (event: DragEvent): void => {
      event.preventDefault()
      setIsOver(event.dataTransfer?.types.includes('Files') ?? false)
    }
    const leave = (event: DragEvent): void => {
      if (event.relatedTarget === null) setIsOver(false)
    }
    const { signal } = listening
    addEventListener('drop', first, { signal, capture: true })
    addEventListener('drop', last, { signal })
    addEventListener('dragover', over, { signal })
    addEventListener('dragleave', leave, { signal })
    return () => listening.abort()
  }, [])
  return isOver
}

const filesOf = ({ dataTransfer }: DragEvent): readonly File[] => [...(dataTransfer?.files ?? [])]
