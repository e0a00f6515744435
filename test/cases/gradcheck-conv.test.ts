// Gradients of convolutions and pooling against central differences, first and second order.
import * as q from 'quern'
import { type Case, type F, gradients, sized } from './gradients.js'

type Set = [x: number[], w: number[], options: object]
const signed = { low: -1, high: 1 }

gradients(
  'conv1d',
  (
    [
      [[2, 2, 5], [3, 2, 2], {}],
      [[1, 1, 1], [1, 1, 1], {}],
      [[0, 2, 4], [2, 2, 3], {}],
      [[1, 2, 4], [2, 2, 3], { padding: 1 }],
      [[1, 1, 7], [2, 1, 3], { stride: 2 }],
      [[2, 1, 5], [1, 1, 2], { dilation: 3 }],
      [[1, 4, 3], [2, 2, 2], { groups: 2 }],
      [[1, 3, 4], [3, 1, 3], { groups: 3, padding: 'same' }],
      [[1, 2, 3], [1, 2, 3], { padding: 2, stride: 3 }],
      [[2, 2, 3], [2, 2, 1], { padding: 'valid' }],
    ] as Set[]
  ).map(([x, w, options]) => [
    options,
    (t, weight, bias) => q.conv1d(t, weight, { bias, ...options }),
    ...sized(x, w, [w[0] as number]),
  ]),
)

const images: Set[] = [
  [[2, 2, 3, 3], [2, 2, 2, 2], {}],
  [[1, 1, 1, 1], [1, 1, 1, 1], {}],
  [[0, 2, 3, 3], [2, 2, 2, 2], {}],
  [[1, 2, 5, 4], [2, 2, 3, 2], { stride: 2, padding: 1 }],
  [[1, 2, 4, 4], [2, 1, 2, 2], { groups: 2, dilation: 2 }],
  [[1, 1, 3, 3], [1, 1, 1, 1], { stride: 2 }],
  [[1, 3, 3, 2], [3, 1, 3, 3], { groups: 3, padding: 'same' }],
  [[1, 2, 4, 3], [3, 2, 1, 1], {}],
  [[2, 1, 2, 5], [2, 1, 2, 3], { stride: [1, 2], padding: [1, 0], dilation: [1, 2] }],
  [[1, 1, 2, 2], [1, 1, 4, 4], { padding: 2 }],
]
const convolution = (operation: string, extra: { relu?: boolean }) =>
  gradients(
    operation,
    images.map(([x, w, options]) => [
      options,
      (t, weight, bias) => q.conv2d(t, weight, { bias, ...options, ...extra }),
      ...[x, w, [w[0] as number]].map((shape) => ({ shape, ...signed })),
    ]),
  )
convolution('conv2d', {})
convolution('conv2d and relu in one', { relu: true })
gradients(
  'conv2d without bias',
  images.map(([x, w, options]) => [options, (t, weight) => q.conv2d(t, weight, options), ...sized(x, w)]),
)

gradients(
  'convTranspose2d',
  (
    [
      [[2, 2, 2, 2], [2, 2, 2, 2], {}],
      [[1, 1, 1, 1], [1, 1, 1, 1], {}],
      [[0, 2, 2, 2], [2, 1, 2, 2], {}],
      [[1, 2, 2, 2], [2, 1, 3, 3], { stride: 2, padding: 1, outputPadding: 1 }],
      [[1, 4, 2, 1], [4, 1, 2, 2], { groups: 2 }],
      [[1, 3, 2, 2], [3, 1, 2, 1], { groups: 3, stride: [1, 2] }],
      [[1, 1, 2, 2], [1, 2, 2, 2], { dilation: 2, outputPadding: [1, 0] }],
      [[1, 2, 3, 2], [2, 1, 1, 1], {}],
      [[1, 1, 3, 1], [1, 1, 3, 3], { padding: 1 }],
      [[2, 1, 1, 2], [1, 1, 2, 3], { stride: 3, outputPadding: 2, padding: [1, 2] }],
    ] as [number[], number[], { groups?: number }][]
  ).map(([x, w, options]) => [
    options,
    (t, weight, bias) => q.convTranspose2d(t, weight, { bias, ...options }),
    ...sized(x, w, [(w[1] as number) * (options.groups ?? 1)]),
  ]),
)

// ---- pooling

type Pooling = [x: number[], kernel: number | [number, number], options: object]
const pooling = (operation: string, fn: (x: F, kernel: number, options: object) => F, sets: Pooling[], apart = false) =>
  gradients(
    operation,
    sets.map(
      ([shape, kernel, options]): Case => [
        { kernel, ...options },
        (x) => fn(x, kernel as number, options),
        { shape, apart, low: -1, high: 1.3 },
      ],
    ),
  )

const windows: Pooling[] = [
  [[1, 2, 4, 4], 2, {}],
  [[1, 1, 1, 1], 1, {}],
  [[0, 2, 4, 4], 2, {}],
  [[1, 1, 5, 5], 3, { stride: 2, padding: 1 }],
  [[1, 2, 3, 4], [2, 3], { stride: 1 }],
  [[2, 1, 5, 3], [2, 1], { ceilMode: true }],
  [[1, 3, 3, 3], 2, { stride: 1, padding: 1 }],
  [[1, 1, 4, 5], [3, 2], { stride: [1, 2], padding: [1, 0], ceilMode: true }],
  [[3, 1, 2, 2], 2, {}],
  [[1, 5, 2, 2], [1, 2], {}],
]
pooling('maxPool2d', q.maxPool2d, windows, true)
pooling('maxPool2d and relu in one', (x, k, o) => q.maxPool2d(x, k, { ...o, relu: true }), windows, true)
pooling(
  'maxPool2d, dilated',
  (x, k, o) => q.maxPool2d(x, k, { ...o, dilation: 2 }),
  windows.slice(3, 4).concat([
    [[1, 2, 5, 5], 2, {}],
    [[1, 1, 3, 3], 2, { stride: 1 }],
    [[0, 1, 3, 3], 2, {}],
    [[2, 1, 4, 3], [2, 1], {}],
    [[1, 1, 3, 7], [2, 3], { padding: [1, 1] }],
    [[1, 2, 6, 3], [3, 2], { stride: 1, padding: 1 }],
  ]),
  true,
)
pooling(
  'maxPool2d, of a window beyond one byte',
  q.maxPool2d,
  [
    [[1, 1, 15, 17], [15, 17], {}],
    [[2, 1, 1, 255], [1, 255], {}],
    [[1, 1, 1, 256], [1, 255], { stride: 1 }],
    [[1, 1, 14, 15], [16, 16], { padding: [1, 8] }],
    [[0, 1, 16, 16], 16, {}],
    [[1, 2, 255, 1], [255, 1], {}],
    [[1, 1, 16, 16], 16, { stride: 3 }],
  ],
  true,
)
pooling('avgPool2d', q.avgPool2d, [
  ...windows,
  [[1, 1, 4, 4], 3, { stride: 2, padding: 1, countIncludePad: false, ceilMode: true }],
  [[1, 2, 3, 3], 2, { divisorOverride: 3 }],
])

const rows: Pooling[] = [
  [[1, 2, 6], 2, {}],
  [[1, 1, 1], 1, {}],
  [[0, 2, 4], 2, {}],
  [[2, 1, 7], 3, { stride: 2, padding: 1 }],
  [[1, 1, 5], 2, { ceilMode: true }],
  [[1, 3, 4], 3, { stride: 1 }],
  [[2, 2, 3], 3, {}],
  [[1, 1, 7], 4, { stride: 3, padding: 2, ceilMode: true }],
  [[3, 1, 2], 1, { stride: 2 }],
  [[1, 5, 2], 2, { padding: 1 }],
]
pooling('maxPool1d', q.maxPool1d, rows, true)
pooling('avgPool1d', q.avgPool1d, rows)

const adaptive: Pooling[] = [
  [[1, 2, 4, 4], 2, {}],
  [[1, 1, 1, 1], 1, {}],
  [[0, 2, 3, 3], 2, {}],
  [[1, 1, 5, 3], [2, 2], {}],
  [[1, 2, 3, 3], 1, {}],
  [[2, 1, 2, 2], 3, {}],
  [[1, 1, 4, 5], [3, 4], {}],
  [[1, 3, 2, 3], [2, 3], {}],
  [[1, 1, 1, 7], [1, 3], {}],
  [[3, 1, 2, 2], [1, 2], {}],
]
pooling('adaptiveAvgPool2d', q.adaptiveAvgPool2d, adaptive)
pooling('adaptiveMaxPool2d', q.adaptiveMaxPool2d, adaptive, true)
