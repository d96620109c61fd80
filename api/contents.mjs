// What TypeDoc's pages lack or have too much of: a list of a page's exports at its head, and anchors that nothing links to.

/** As GitHub makes anchors from headings. */
function slugOf(heading) {
  return heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')
}

/** A page with a list of what is under each of its `##` headings, after the page's description. */
function withContents(page) {
  const seen = new Map()
  const groups = []
  let isCode = false
  for (const line of page.split('\n')) {
    if (line.startsWith('```')) isCode = !isCode
    const [, level, heading] = (!isCode && /^(#+) (.*)$/.exec(line)) || []
    if (!level) continue
    const slug = slugOf(heading)
    const count = seen.get(slug) ?? 0
    seen.set(slug, count + 1)
    if (level === '##') groups.push({ heading, links: [] })
    if (level === '###')
      groups.at(-1).links.push(`[${heading.replace('()', '')}](#${slug}${count > 0 ? `-${count}` : ''})`)
  }
  const lists = groups.filter(({ links }) => links.length > 0)
  if (lists.length === 0) return page
  const contents = lists.map(({ heading, links }) => `**${heading}**: ${links.join(', ')}\n\n`).join('')
  const start = page.indexOf(`## ${groups[0].heading}\n`)
  return page.slice(0, start) + contents + page.slice(start)
}

/** The anchors of properties and type parameters are numbered through the page, so a new one would change all those after it. */
function withoutAnchors(page) {
  const linked = new Set([...page.matchAll(/\]\([^)]*#([^)]+)\)/g)].map(([, id]) => id))
  return page.replace(/<a id="([^"]+)"><\/a> ?/g, (anchor, id) => (linked.has(id) ? anchor : ''))
}

export { withContents, withoutAnchors }
