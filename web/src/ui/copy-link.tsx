import { useState } from 'preact/hooks'
import { useTexts } from '../texts/index.ts'

/** Into the clipboard; where the browser does not allow that, into the page. */
export function CopyLink({ link }: { readonly link: () => string }) {
  const { settings } = useTexts()
  const [note, setNote] = useState('')
  async function copy(): Promise<void> {
    const text = link()
    history.replaceState(null, '', text) // the address reproduces them too
    const isCopied = await navigator.clipboard?.writeText(text).then(
      () => true,
      () => false,
    )
    setNote(isCopied ? settings.linkCopied : settings.linkShown(text))
  }
  return (
    <>
      <button type="button" onClick={copy}>
        {settings.link}
      </button>
      <small class="quiet" role="status">
        {note}
      </small>
    </>
  )
}
