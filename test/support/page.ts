// What a page holds, as a browser reads it.
import { type DefaultTreeAdapterTypes, parse } from 'parse5'
import { expect } from 'vitest'

export type Element = DefaultTreeAdapterTypes.Element
type Node = DefaultTreeAdapterTypes.Node

/** The page's elements; it must be without an error that an HTML parser would mend. */
export function elementsOf(page: string): Element[] {
  const errors: string[] = []
  const document = parse(page, {
    onParseError: ({ code, startLine }) => errors.push(`${code}, line ${startLine}`),
  })
  expect(errors).toEqual([])
  const below = (node: Node): Element[] => {
    const children = 'childNodes' in node ? node.childNodes.flatMap(below) : []
    return 'tagName' in node ? [node, ...children] : children
  }
  return below(document)
}

export const elementsBelow = (element: Element): Element[] =>
  element.childNodes.flatMap((node) => ('tagName' in node ? [node, ...elementsBelow(node)] : []))

export function textOf(node: Node): string {
  if ('value' in node) return node.value
  return 'childNodes' in node ? node.childNodes.map(textOf).join('') : ''
}

/** The words of a page's body, with single spaces. */
export const textOfPage = (page: string): string =>
  withTag(elementsOf(page), 'body').map(textOf).join('').replace(/\s+/g, ' ')

export const attribute = ({ attrs }: Element, name: string): string | undefined =>
  attrs.find((each) => each.name === name)?.value

export const withTag = (elements: readonly Element[], tag: string): Element[] =>
  elements.filter(({ tagName }) => tagName === tag)

/** Nothing is loaded, nothing is run, and links lead to what is in the page. `hasImages`: as data URIs. */
export function expectSelfContained(elements: readonly Element[], { hasImages = false } = {}): void {
  const policy = withTag(elements, 'meta').find(
    (meta) => attribute(meta, 'http-equiv') === 'Content-Security-Policy',
  )!
  expect(attribute(policy, 'content')).toMatch(/^default-src 'none'; style-src 'unsafe-inline';/)
  expect(attribute(policy, 'content')!.includes('img-src')).toBe(hasImages)
  for (const tag of ['script', 'link', 'iframe', 'object', 'base', ...(hasImages ? [] : ['img'])])
    expect(withTag(elements, tag)).toEqual([])
  const images = withTag(elements, 'img')
  for (const image of images) expect(attribute(image, 'src')).toMatch(/^data:image\/webp;base64,[\w+/=]+$/)
  const attributes = elements.filter((each) => !images.includes(each)).flatMap(({ attrs }) => attrs)
  expect(attributes.filter(({ name }) => /^on|^src$/.test(name))).toEqual([])
  const targets = elements.flatMap((element) => attribute(element, 'href') ?? [])
  const ids = elements.flatMap((element) => attribute(element, 'id') ?? [])
  expect(new Set(ids).size).toBe(ids.length)
  for (const target of targets) expect(ids.map((id) => `#${id}`)).toContain(target)
  for (const style of withTag(elements, 'style')) expect(textOf(style)).not.toMatch(/url\(|@import/)
}

/** Every chart has a name, a description and a table behind it. Returns the names. */
export function expectDescribedFigures(elements: readonly Element[]): string[] {
  const figures = withTag(elements, 'figure')
  for (const figure of figures) {
    const inside = elementsBelow(figure)
    for (const svg of inside.filter((each) => attribute(each, 'role') === 'img')) {
      expect(textOf(withTag(elementsBelow(svg), 'title')[0]!)).not.toBe('')
    }
    expect(withTag(inside, 'p').map(textOf).join('')).not.toBe('')
    const [details] = withTag(inside, 'details')
    expect(withTag(elementsBelow(details!), 'table')).toHaveLength(1)
  }
  return figures.flatMap((figure) => withTag(elementsBelow(figure), 'h4').map(textOf))
}

/** Rows are as long as their heading, in regions that a keyboard can scroll. */
export function expectEvenTables(elements: readonly Element[]): void {
  for (const region of elements.filter((each) => attribute(each, 'role') === 'region')) {
    expect(attribute(region, 'tabindex')).toBe('0')
    expect(attribute(region, 'aria-label')).toBeTruthy()
    const [heading, ...rows] = withTag(elementsBelow(region), 'tr').map((row) => row.childNodes.length)
    expect(rows.length).toBeGreaterThan(0)
    expect(new Set(rows)).toEqual(new Set([heading]))
  }
}

/** Text that would be markup, a script or the end of an element where it is not escaped. */
export const HOSTILE = `</title></style><script>alert(1)</script>"'><img src=x onerror=alert(1)>&lt;b&gt;`

/** The value with every text replaced by a hostile one, but for fields that take fixed words alone. */
export function poisoned<Value>(value: Value, isFixed: (key: string, text: string) => boolean): Value {
  const poison = (each: unknown, key: string): unknown => {
    if (typeof each === 'string') return isFixed(key, each) ? each : HOSTILE
    if (Array.isArray(each)) return each.map((one) => poison(one, key))
    if (each === null || typeof each !== 'object') return each
    return Object.fromEntries(Object.entries(each).map(([name, one]) => [name, poison(one, name)]))
  }
  return poison(value, '') as Value
}

/** Hostile texts made no element and no handler, and are shown as they are. */
export function expectNoMarkupOfTexts(page: string): void {
  const elements = elementsOf(page)
  for (const tag of ['script', 'img', 'b']) expect(withTag(elements, tag)).toEqual([])
  expect(elements.flatMap(({ attrs }) => attrs).filter(({ name }) => name.startsWith('on'))).toEqual([])
  expect(textOf(withTag(elements, 'body')[0]!)).toContain(HOSTILE)
}
