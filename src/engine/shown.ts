/** A value as messages name it: short, whatever it is. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object' || value === null) return String(value)
  if (!Array.isArray(value)) return `a value of type ${Object.prototype.toString.call(value).slice(8, -1)}`
  const inner = value.slice(0, 17).map((v) => (Array.isArray(v) ? '[…]' : shown(v)))
  return `[${inner.join(',')}${value.length > inner.length ? ',…' : ''}]`
}
