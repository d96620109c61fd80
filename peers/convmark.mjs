// convmark itself: beside this folder, or where CONVMARK_DIST says, since the peers may be in the user's cache folder.
const dist = process.env.CONVMARK_DIST ?? new URL('../dist/', import.meta.url).href

export const convmark = await import(new URL('index.js', dist))
export const formats = await import(new URL('formats/index.js', dist))
