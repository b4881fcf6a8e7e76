import { influxDbAt, service, startInfluxDb } from '@connect-run/testkit/services'
import { expect, it } from '@jest/globals'

const influxdb = await service('influxdb')

influxdb.describe('InfluxDB', () => {
  it('takes points and gives them back to the nanosecond', async () => {
    const database = influxDbAt(influxdb.address)
    const name = `testkit_${process.pid}`
    await database.createDatabase(name)
    await database.write(name, 'm,t=a f=1.5 1700000000000000001\nm,t=b f=2 1700000000000000002')
    expect(await database.query(name, 'SELECT * FROM m')).toEqual([
      {
        name: 'm',
        columns: ['time', 'f', 't'],
        values: [
          ['2023-11-14T22:13:20.000000001Z', 1.5, 'a'],
          ['2023-11-14T22:13:20.000000002Z', 2, 'b'],
        ],
      },
    ])
    expect(await database.queryText(name, 'SELECT f FROM m', { epoch: 'ns' })).toContain('1700000000000000002')
    expect(await database.count(name, 'm', 'f')).toBe(2)
    await expect(database.write(name, 'not a point')).rejects.toThrow('400')
    await database.dropDatabase(name)
    await expect(database.write(name, 'm f=1')).rejects.toThrow('404')
  })

  it('keeps its points over a kill', async () => {
    const server = await startInfluxDb()
    try {
      await server.createDatabase('kept')
      await server.write('kept', 'm f=1 1')
      await server.kill()
      await expect(server.count('kept', 'm', 'f')).rejects.toThrow()
      await server.start()
      expect(await server.count('kept', 'm', 'f')).toBe(1)
    } finally {
      await server.stop()
    }
  })
})
