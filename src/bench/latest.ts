/** Work that reports its progress by a callback, as a result to await and a sequence to follow. */
export interface Followed<Progress, Result> {
  /** Ends with the work, even if it fails. If several values arrive while nobody reads, only the latest is kept. */
  readonly progress: AsyncIterable<Progress>
  readonly result: Promise<Result>
}

export function latest<Progress, Result>(
  work: (onProgress: (progress: Progress) => void) => Promise<Result>,
): Followed<Progress, Result> {
  let news: Progress | null = null
  let isOver = false
  let wake = (): void => {}
  const result = work((progress) => {
    news = progress
    wake()
  })
  const end = (): void => {
    isOver = true
    wake()
  }
  result.then(end, end)
  async function* follow(): AsyncGenerator<Progress, void, void> {
    for (;;) {
      if (news !== null) {
        const next: Progress = news
        news = null
        yield next
      } else if (isOver) return
      else {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
  }
  return { progress: follow(), result }
}
