// Says in one line what is wrong with many images.

interface DamagedImage {
  readonly file: string
  readonly reason: string
}

/** How many images a message names for each reason. */
const MAX_NAMED = 10
const MAX_REASONS = 5

/**
 * `30 of 36: a/1.png (is empty), a/2.png, a/3.png and 27 more; 6 of 36: b/7.jpg (...)`: grouped by reason, the most
 * frequent one first; the first file of each group shows the reason in full. Reasons that differ only in numbers are
 * the same.
 */
export function damageText(damaged: readonly DamagedImage[], count: number): string {
  const byKind = new Map<string, DamagedImage[]>()
  for (const image of damaged) {
    const kind = image.reason.replace(/\d+/g, '#')
    const alike = byKind.get(kind)
    if (alike) alike.push(image)
    else byKind.set(kind, [image])
  }
  const groups = [...byKind.values()].sort((a, b) => b.length - a.length)
  const others = groups.slice(MAX_REASONS).reduce((sum, { length }) => sum + length, 0)
  const texts = groups
    .slice(0, MAX_REASONS)
    .map((images) => `${images.length} of ${count}: ${namesOf(images)}`)
  return [...texts, ...(others > 0 ? [`${others} of ${count} for other reasons`] : [])].join('; ')
}

function namesOf(images: readonly DamagedImage[]): string {
  const [{ file, reason }, ...rest] = images as [DamagedImage, ...DamagedImage[]]
  const named = rest.slice(0, MAX_NAMED - 1).map((image) => image.file)
  const more = rest.length - named.length
  return `${[`${file} (${reason})`, ...named].join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
