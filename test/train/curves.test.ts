import { execFileSync } from 'node:child_process'
import { curvesSvg, History } from 'quern/train'
import { describe, expect, it } from 'vitest'

interface Element {
  tag: string
  [attribute: string]: string
}

// Python's XML parser: it accepts well-formed documents only. An element's own text comes as the attribute 'text'.
function parse(svg: string): Element[] {
  const script = `
import json, sys, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.read())
print(json.dumps([dict(e.attrib, tag=e.tag.split('}')[1], text=''.join(e.itertext())) for e in root.iter()]))`
  const output = execFileSync('python3', ['-c', script], { input: svg, encoding: 'utf8', maxBuffer: 2 ** 26 })
  expect(svg).not.toMatch(/NaN[,"LM ]|Infinity|undefined/)
  return JSON.parse(output)
}

function history(
  steps: number,
  loss: (step: number) => number,
  more: (step: number) => Record<string, number> = () => ({}),
) {
  const made = new History()
  for (let step = 1; step <= steps; step++) made.add({ epoch: 1, step, loss: loss(step), ...more(step) })
  return made
}

const texts = (elements: Element[]) => elements.filter((e) => e.tag === 'text').map((e) => e.text as string)
const points = (path: string | undefined) =>
  [...(path ?? '').matchAll(/[ML]([\d.-]+) ([\d.-]+)/g)].map(([, x, y]) => [Number(x), Number(y)])
const lines = (elements: Element[]) => elements.filter((e) => e.tag === 'path' && e['stroke-width'] === '2')
const dots = (elements: Element[]) => elements.filter((e) => e.tag === 'circle')

describe('curvesSvg', () => {
  it('draws loss and accuracy side by side, validation as one dot per epoch', () => {
    const made = new History()
    for (let step = 1; step <= 60; step++) {
      const epoch = Math.ceil(step / 20)
      made.add({ epoch, step, loss: 2 / step, accuracy: 1 - 1 / (step + 1) })
      if (step % 20 === 0) made.add({ epoch, step, val_loss: 1.9 / step, val_accuracy: 0.9 + step / 1000 })
    }
    const elements = parse(curvesSvg(made))
    expect(elements[0]?.viewBox).toBe('0 0 960 340')
    expect(dots(elements)).toHaveLength(6)
    expect(lines(elements)).toHaveLength(2)
    expect(texts(elements)).toEqual(expect.arrayContaining(['Loss', 'Accuracy', 'Step', '100%']))
    expect(texts(elements).some((text) => text.endsWith('Validation 96.00%'))).toBe(true)
    for (const { d } of lines(elements)) {
      for (const [x, y] of points(d)) {
        expect(x).toBeGreaterThanOrEqual(0)
        expect(x).toBeLessThanOrEqual(480)
        expect(Number.isFinite(y)).toBe(true)
      }
    }
  })

  it('puts values where the axis says they are', () => {
    // Ten steps are drawn as they are; the axis goes from 0 to 10 at even distances.
    const elements = parse(curvesSvg(history(10, (step) => step)))
    const drawn = points(lines(elements)[0]?.d)
    const labels = elements.filter((e) => e.tag === 'text' && e['text-anchor'] === 'end' && e.y !== '34')
    const at = new Map(labels.map((e) => [Number(e.text), Number(e.y) - 4]))
    expect([...at.keys()]).toEqual([0, 2, 4, 6, 8, 10])
    for (const value of [2, 4, 6, 8, 10]) expect(drawn[value - 1]?.[1]).toBeCloseTo(at.get(value) as number, 5)
    const steps = elements.filter(
      (e) => e.tag === 'text' && e['text-anchor'] === 'middle' && /^\d+$/.test(e.text as string),
    )
    const across = new Map(steps.map((e) => [Number(e.text), Number(e.x)]))
    for (const [step, x] of across) if (step > 0) expect(drawn[step - 1]?.[0]).toBeCloseTo(x, 5)
  })

  it('has a logarithmic axis for a loss that falls over more than a decade', () => {
    const elements = parse(curvesSvg(history(20, (step) => 10 ** (1 - step / 10))))
    const drawn = points(lines(elements)[0]?.d).map(([, y]) => y as number)
    const slopes = drawn.slice(1).map((y, i) => y - (drawn[i] as number))
    for (const slope of slopes) expect(slope).toBeCloseTo(slopes[0] as number, 0)
    expect(texts(elements)).toEqual(expect.arrayContaining(['0.1', '1', '10']))
  })

  it('smooths: the line keeps the mean and loses the noise', () => {
    const elements = parse(curvesSvg(history(1000, (step) => 5 + (step % 2 ? 1 : -1))))
    const ys = points(lines(elements)[0]?.d)
      .map(([, y]) => y as number)
      .slice(10)
    expect(Math.max(...ys) - Math.min(...ys)).toBeLessThan(30)
    const faint = elements
      .filter((e) => e['stroke-opacity'] === '0.26')
      .map((e) => points(e.d).map(([, y]) => y as number))
    expect(faint[0]).toHaveLength(1000)
  })

  it('stays small and fast for a long run', () => {
    const svg = curvesSvg(history(200_000, (step) => 1 / step + Math.sin(step) / 1e6))
    expect(svg.length).toBeLessThan(100_000)
    expect(lines(parse(svg))).toHaveLength(1)
  })

  it('shows one step as a dot', () => {
    const elements = parse(curvesSvg(history(1, () => 2.3)))
    expect(elements[0]?.viewBox).toBe('0 0 680 340')
    expect(dots(elements)).toHaveLength(1)
    expect(texts(elements)).toEqual(expect.arrayContaining(['● Training 2.3']))
  })

  it('draws a constant as a level line in the middle', () => {
    const ys = points(lines(parse(curvesSvg(history(100, () => 0.7))))[0]?.d).map(([, y]) => y)
    expect(new Set(ys).size).toBe(1)
    expect(ys[0]).toBeGreaterThan(120)
    expect(ys[0]).toBeLessThan(240)
  })

  it('never shows more than 100% or less than nothing', () => {
    for (const accuracy of [0, 0.02, 1]) {
      const elements = parse(
        curvesSvg(
          history(
            3,
            () => 1,
            () => ({ accuracy }),
          ),
        ),
      )
      const ticks = texts(elements)
        .filter((text) => /^[-\d.]+%$/.test(text))
        .map(Number.parseFloat)
      expect(Math.min(...ticks)).toBeGreaterThanOrEqual(0)
      expect(Math.max(...ticks)).toBeLessThanOrEqual(100)
    }
  })

  it('interrupts the line where values are not finite', () => {
    const values = [3, 2, Number.NaN, Number.POSITIVE_INFINITY, 2, 1]
    const elements = parse(curvesSvg(history(6, (step) => values[step - 1] as number)))
    const path = lines(elements)[0]?.d as string
    expect(path.match(/M/g)).toHaveLength(2)
    expect(points(path)).toHaveLength(4)
    const none = curvesSvg(history(3, () => Number.NaN))
    expect(texts(parse(none))).toContain('No finite values were recorded')
  })

  it('says so when there is nothing', () => {
    expect(texts(parse(curvesSvg(new History())))).toEqual(['Loss', 'No steps were recorded'])
  })

  it('gives every metric a panel and escapes its name', () => {
    const elements = parse(
      curvesSvg(
        history(
          5,
          (step) => step,
          () => ({ '<top & 5>': 0.5, size: 2e7 }),
        ),
      ),
    )
    expect(elements[0]?.viewBox).toBe('0 0 960 680')
    expect(texts(elements)).toEqual(expect.arrayContaining(['Loss', '<top & 5>', 'Size', '20M']))
  })
})
