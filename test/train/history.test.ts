import { execFileSync } from 'node:child_process'
import { History } from 'quern/train'
import { describe, expect, it } from 'vitest'

function sample(): History {
  const history = new History()
  history.add({ epoch: 1, step: 1, loss: 2.5, accuracy: 0.125 })
  history.add({ epoch: 1, step: 2, loss: 1.5, accuracy: 0.375 })
  history.add({ epoch: 1, step: 2, val_loss: 1.25, val_accuracy: 0.5 })
  history.add({ epoch: 2, step: 3, loss: 1, accuracy: 0.75 })
  return history
}

describe('History', () => {
  it('joins what comes for one step', () => {
    expect(sample().rows).toEqual([
      { epoch: 1, step: 1, loss: 2.5, accuracy: 0.125 },
      { epoch: 1, step: 2, loss: 1.5, accuracy: 0.375, val_loss: 1.25, val_accuracy: 0.5 },
      { epoch: 2, step: 3, loss: 1, accuracy: 0.75 },
    ])
  })

  it('keeps a copy of what it is given', () => {
    const history = new History()
    const row = { epoch: 1, step: 1, loss: 1 }
    history.add(row)
    row.loss = 2
    expect(history.column('loss')).toEqual([1])
  })

  it('gives columns, those of validation last', () => {
    expect(sample().columns()).toEqual(['epoch', 'step', 'loss', 'accuracy', 'val_loss', 'val_accuracy'])
    expect(sample().column('loss')).toEqual([2.5, 1.5, 1])
    expect(sample().column('val_loss')).toEqual([1.25])
    expect(sample().column('unknown')).toEqual([])
  })

  it('gives means per epoch', () => {
    expect(sample().epochs()).toEqual([
      { epoch: 1, step: 2, loss: 2, accuracy: 0.25, val_loss: 1.25, val_accuracy: 0.5 },
      { epoch: 2, step: 3, loss: 1, accuracy: 0.75 },
    ])
  })

  it('writes CSV', () => {
    expect(sample().toCsv()).toBe(
      [
        'epoch,step,loss,accuracy,val_loss,val_accuracy',
        '1,1,2.5,0.125,,',
        '1,2,1.5,0.375,1.25,0.5',
        '2,3,1,0.75,,',
        '',
      ].join('\n'),
    )
    expect(new History().toCsv()).toBe('epoch,step\n')
  })

  it('writes CSV that Python reads back exactly, odd names and values included', () => {
    const values = [0.1, Math.fround(0.1), 1e-320, -1.7976931348623157e308, 123456789.125]
    const history = new History()
    for (const [i, loss] of values.entries()) history.add({ epoch: 1, step: i + 1, loss, 'top-5, "best"': i / 3 })
    history.add({ epoch: 1, step: 6, loss: Number.NaN })
    history.add({ epoch: 1, step: 7, loss: Number.POSITIVE_INFINITY })
    const script = `
import csv, json, sys
rows = list(csv.DictReader(sys.stdin))
print(json.dumps(dict(names=list(rows[0]), loss=[repr(float(r['loss'])) for r in rows],
                      other=[float(r['top-5, "best"']) for r in rows if r['top-5, "best"']])))`
    const read = JSON.parse(execFileSync('python3', ['-c', script], { input: history.toCsv(), encoding: 'utf8' }))
    expect(read.names).toEqual(['epoch', 'step', 'loss', 'top-5, "best"'])
    expect(read.loss.slice(0, 5).map(Number)).toEqual(values)
    expect(read.loss.slice(5)).toEqual(['nan', 'inf'])
    expect(read.other).toEqual([0, 1 / 3, 2 / 3, 1, 4 / 3])
  })
})
