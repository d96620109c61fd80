import type { ComponentChildren } from 'preact'

interface NoticeProps {
  readonly level: 'bad' | 'warn' | 'good'
  readonly children: ComponentChildren
}

export function Notice({ level, children }: NoticeProps) {
  return (
    <p class={`notice ${level}`} role={level === 'bad' ? 'alert' : undefined}>
      {children}
    </p>
  )
}
