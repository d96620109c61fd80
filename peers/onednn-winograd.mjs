// oneDNN, but each convolution by its own Winograd where it has one for it.
import { openWith } from './onednn.mjs'

export const openPeer = openWith('winograd')
