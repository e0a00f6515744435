/** A point of a curve; y may be NaN. */
export interface Point {
  x: number
  y: number
}

/** The curve averaged over a window around each point, twice, so that it has no corners; values that are not finite are left out. */
export function smooth(points: readonly Point[], width: number): Point[] {
  return average(average(points, width), width)
}

function average(points: readonly Point[], width: number): Point[] {
  const n = points.length
  const sums = new Float64Array(n + 1)
  const counts = new Uint32Array(n + 1)
  for (const [i, { y }] of points.entries()) {
    const finite = Number.isFinite(y)
    sums[i + 1] = (sums[i] as number) + (finite ? y : 0)
    counts[i + 1] = (counts[i] as number) + Number(finite)
  }
  return points.map(({ x, y }, i) => {
    // Hardly wider than what lies before, so that a steep beginning is not flattened.
    const half = Math.min(Math.floor(width / 2), i + 1)
    const from = Math.max(0, i - half)
    const to = Math.min(n, i + half + 1)
    const count = (counts[to] as number) - (counts[from] as number)
    // Nothing is made up where there was nothing.
    return {
      x,
      y: Number.isFinite(y) && count > 0 ? ((sums[to] as number) - (sums[from] as number)) / count : Number.NaN,
    }
  })
}

/** Where most of a bin's values lie. */
export interface Range {
  x: number
  low: number
  high: number
}

/** For each of so many bins of neighbouring points the range of the middle 80 % of their finite values. */
export function ranges(points: readonly Point[], bins: number): Range[] {
  const out: Range[] = []
  for (let bin = 0; bin < bins; bin++) {
    const part = points.slice(Math.floor((bin * points.length) / bins), Math.floor(((bin + 1) * points.length) / bins))
    const values = part.map((p) => p.y).filter(Number.isFinite)
    const middle = part[part.length >> 1]
    if (!middle || values.length === 0) continue
    out.push({ x: middle.x, low: quantile(values, 0.1), high: quantile(values, 0.9) })
  }
  return out
}

/** About `count` points, evenly chosen, the first and the last among them. */
export function thin(points: readonly Point[], count: number): readonly Point[] {
  const every = Math.ceil(points.length / count)
  return points.filter((_, i) => i % every === 0 || i === points.length - 1)
}

/** The value that a share q of the values does not exceed. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.floor(q * (sorted.length - 1))] as number
}
