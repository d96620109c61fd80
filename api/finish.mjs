// What TypeDoc's pages lack or have too much of: a list of a page's exports at its head, anchors as GitHub makes them, and no anchors
// that nothing links to.

/** The pages of TypeDoc, by file name, as they are kept. */
export function finished(pages) {
  const plain = new Map([...pages].map(([file, text]) => [file, withoutUnlinked(text)]))
  const headings = new Map([...plain].map(([file, text]) => [file, headingsOf(text)]))
  return new Map(
    [...plain].map(([file, text]) => {
      const linked = withAnchors(text, file, headings)
      return [file, withContents(linked, headings.get(file))]
    }),
  )
}

/** A page's headings, and the anchors that GitHub gives them. */
function headingsOf(page) {
  const seen = new Map()
  const headings = []
  let isCode = false
  for (const line of page.split('\n')) {
    if (line.startsWith('```')) isCode = !isCode
    const [, marks, text] = (!isCode && /^(#+) (.*)$/.exec(line)) || []
    if (!marks) continue
    const slug = text.toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-') // biome-ignore format: one step a call
    const count = seen.get(slug) ?? 0
    seen.set(slug, count + 1)
    headings.push({
      level: marks.length,
      text,
      name: text.replace(/\(\)$/, ''),
      anchor: count > 0 ? `${slug}-${count}` : slug,
    })
  }
  return headings
}

const MEMBER_LEVEL = 3

/**
 * TypeDoc numbers the anchors of names that differ only in case, such as `Adam` and `adam`, otherwise than GitHub: a link
 * whose text is an export's name leads to that export's heading.
 */
function withAnchors(page, file, headings) {
  return page.replace(/\[(`?)([\w\\]+)\1\]\(([\w.]*)#[\w-]+\)/g, (link, quote, name, target) => {
    const own = (headings.get(target || file) ?? []).find(
      (heading) => heading.level === MEMBER_LEVEL && heading.name === name,
    )
    return own ? `[${quote}${name}${quote}](${target}#${own.anchor})` : link
  })
}

/** A list of what is under each of a page's groups (Interfaces, Functions, ...), after the page's description. */
function withContents(page, headings) {
  const groups = headings.filter(({ level }) => level === 2)
  const lists = groups.map((group, i) => {
    const begin = headings.indexOf(group)
    const end = groups[i + 1] ? headings.indexOf(groups[i + 1]) : headings.length
    const members = headings.slice(begin, end).filter(({ level }) => level === MEMBER_LEVEL)
    const links = members.map(({ name, anchor }) => `[${name}](#${anchor})`)
    return links.length > 0 ? `**${group.text}**: ${links.join(', ')}\n\n` : ''
  })
  const contents = lists.join('')
  if (contents === '') return page
  const start = page.indexOf(`\n## ${groups[0].text}\n`) + 1
  return page.slice(0, start) + contents + page.slice(start)
}

/** The anchors of properties and type parameters are numbered through the page, so a new one would change all those after it. */
function withoutUnlinked(page) {
  const linked = new Set([...page.matchAll(/\]\([^)]*#([^)]+)\)/g)].map(([, id]) => id))
  return page.replace(/<a id="([^"]+)"><\/a> ?/g, (anchor, id) => (linked.has(id) ? anchor : ''))
}
