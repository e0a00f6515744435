// Poolings.
import * as q from 'quern'
import { type Operation, op } from './operation.js'
import * as p from './parameters.js'
import type { Random } from './random.js'
import { batched, floats } from './tensors.js'

const dtypeOf = (r: Random) => r.pick(['float32', 'float64'] as const)
const image = (r: Random) => floats(r, batched(r, [r.size(), r.integer(3, 9), r.integer(3, 11)]), { dtype: dtypeOf(r) })
const line = (r: Random) => floats(r, batched(r, [r.size(), r.integer(3, 19)]), { dtype: dtypeOf(r) })
const [images, lines] = [p.images(), p.lines()]
const windows = (r: Random) => ({
  ...{ stride: r.pick([1, 2, 3]), padding: r.pick([0, 1]), ceilMode: r.pick([true, false]) },
})
const sizeOrPair = p.also(p.pair(1), 'ARGUMENT')
const adaptive = p.refuses('ARGUMENT', 0, 0.5, NaN, 'x', {}, [], [1], [0, 1], ['1', null])

export const pools: readonly Operation[] = [
  op(
    'maxPool2d',
    q.maxPool2d,
    [images, p.pair(1)],
    (r) => [
      ...[image(r), r.pick([2, 3, [3, 2]])],
      r.options({ ...windows(r), dilation: 1, returnIndices: r.pick([true, false]) }),
    ],
    {
      options: {
        ...{ stride: p.pair(1), padding: p.pair(0), dilation: p.pair(1), ceilMode: p.flag, returnIndices: p.flag },
      },
    },
  ),
  op(
    'maxPool1d',
    q.maxPool1d,
    [lines, p.integer(1)],
    (r) => [
      ...[line(r), r.pick([2, 3])],
      r.options({ ...windows(r), dilation: 1, returnIndices: r.pick([true, false]) }),
    ],
    {
      options: {
        ...{ stride: p.integer(1), padding: p.integer(0), dilation: p.integer(1), ceilMode: p.flag },
        returnIndices: p.flag,
      },
    },
  ),
  op(
    'avgPool2d',
    q.avgPool2d,
    [images, sizeOrPair],
    (r) => [
      ...[image(r), r.pick([2, 3, [3, 2]])],
      r.options({ ...windows(r), countIncludePad: false, divisorOverride: 3 }),
    ],
    {
      options: {
        ...{ stride: p.pair(1), padding: p.pair(0), ceilMode: p.flag, countIncludePad: p.flag },
        divisorOverride: p.refuses('ARGUMENT', 0, -1, 0.5, 'x', NaN, {}),
      },
    },
  ),
  op(
    'avgPool1d',
    q.avgPool1d,
    [lines, p.integer(1)],
    (r) => [...[line(r), r.pick([2, 3])], r.options({ ...windows(r), countIncludePad: false })],
    {
      options: { stride: p.integer(1), padding: p.integer(0), ceilMode: p.flag, countIncludePad: p.flag },
    },
  ),
  op('adaptiveAvgPool2d', q.adaptiveAvgPool2d, [images, adaptive], (r) => [
    image(r),
    r.pick([2, 5, [1, 13], [null, 2]]),
  ]),
  op(
    'adaptiveMaxPool2d',
    q.adaptiveMaxPool2d,
    [images, adaptive],
    (r) => [...[image(r), r.pick([2, 5, [1, 13], [null, 2]])], r.options({ returnIndices: true })],
    { options: { returnIndices: p.flag } },
  ),
  op('adaptiveAvgPool1d', q.adaptiveAvgPool1d, [lines, p.integer(1)], (r) => [line(r), r.pick([2, 5, 1])]),
  op(
    'adaptiveMaxPool1d',
    q.adaptiveMaxPool1d,
    [lines, p.integer(1)],
    (r) => [...[line(r), r.pick([2, 5, 1])], r.options({ returnIndices: true })],
    { options: { returnIndices: p.flag } },
  ),
]
