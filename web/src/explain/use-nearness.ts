import type { RefObject } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

/** About a screen's height around what is seen. */
const MARGIN = '800px 0px'

/** For an element of a long page: says when it comes near to what is seen, and when it is far from it again. */
export function useNearness(onChange: (isNear: boolean) => void): RefObject<HTMLElement | null> {
  const place = useRef<HTMLElement>(null)
  const latest = useRef(onChange)
  latest.current = onChange
  useEffect(() => {
    const observer = new IntersectionObserver((entries) => latest.current(entries.at(-1)!.isIntersecting), {
      rootMargin: MARGIN,
    })
    observer.observe(place.current!)
    return () => {
      observer.disconnect()
      latest.current(false)
    }
  }, [])
  return place
}
