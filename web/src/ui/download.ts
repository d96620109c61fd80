/** Hands the user a file. */
export function download(name: string, type: string, content: BlobPart): void {
  const url = URL.createObjectURL(new Blob([content], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The browser has its own hold on it by then
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
