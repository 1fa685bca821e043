import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConsoleChannel, feedInput } from './console.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array | null) => (bytes === null ? null : new TextDecoder().decode(bytes));

async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  promise.then(() => {
    done = true;
  });
  for (let turn = 0; turn < 10; turn++) await null;
  return done;
}

describe('ConsoleChannel', () => {
  it('take gives everything written so far in one piece', async () => {
    const channel = new ConsoleChannel();
    for (const byte of bytesOf('boot')) channel.write(Uint8Array.of(byte));
    expect(textOf(await channel.take())).toBe('boot');
  });

  it('take waits for output and ends with null after close', async () => {
    const channel = new ConsoleChannel();
    const first = channel.take();
    channel.write(bytesOf('x'));
    channel.write(bytesOf('y'));
    channel.close();
    expect(textOf(await first)).toBe('xy');
    expect(await channel.take()).toBeNull();
  });

  it('isOverfull from 64 KiB on, until the host has taken the output', async () => {
    const channel = new ConsoleChannel();
    channel.write(new Uint8Array(65_535));
    expect(channel.isOverfull).toBe(false);
    channel.write(new Uint8Array(1));
    expect(channel.isOverfull).toBe(true);
    const drained = channel.drained();
    expect(await settled(drained)).toBe(false);
    await channel.take();
    expect(await settled(drained)).toBe(true);
    expect(channel.isOverfull).toBe(false);
  });

  it('drop-oldest keeps the newest 64 KiB and counts the rest', async () => {
    const channel = new ConsoleChannel('drop-oldest');
    channel.write(new Uint8Array(65_536));
    channel.write(bytesOf('new'));
    expect(channel.isOverfull).toBe(false);
    expect(channel.droppedBytes).toBe(3);
    const kept = await channel.take();
    expect(kept?.length).toBe(65_536);
    expect(textOf(kept?.subarray(-3) ?? null)).toBe('new');
  });

  it('send waits while the guest takes nothing, and goes on when it does', async () => {
    const channel = new ConsoleChannel();
    const sent = channel.send(new Uint8Array(5_000));
    expect(await settled(sent)).toBe(false);
    channel.consume(1_000);
    expect(await settled(sent)).toBe(true);
  });

  it('close lets go everybody who waits', async () => {
    const channel = new ConsoleChannel();
    channel.write(new Uint8Array(70_000));
    const waiting = [channel.drained(), channel.send(new Uint8Array(9_000))];
    channel.close();
    await Promise.all(waiting);
    expect(channel.isOverfull).toBe(false);
  });

  it('keeps every byte in order in both directions, whatever the pieces', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 30 }),
        fc.nat(40),
        async (pieces, room) => {
          const channel = new ConsoleChannel();
          const received: number[] = [];
          let free = 0;
          const offer = feedInput(channel, (bytes) => {
            const taken = bytes.subarray(0, Math.min(free, bytes.length));
            received.push(...taken);
            free -= taken.length;
            return taken.length;
          });
          const output: number[] = [];
          for (const piece of pieces) {
            channel.write(piece);
            void channel.send(piece);
            if (piece.length % 3 === 0 && piece.length > 0) output.push(...((await channel.take()) ?? []));
            free = room;
            offer();
          }
          channel.close();
          for (let rest = await channel.take(); rest !== null; rest = await channel.take()) output.push(...rest);
          free = Number.POSITIVE_INFINITY;
          offer();
          const expected = pieces.flatMap((piece) => [...piece]);
          expect(output).toEqual(expected);
          expect(received).toEqual(expected);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('onReadable tells at once when input is already waiting', () => {
    const channel = new ConsoleChannel();
    void channel.send(bytesOf('early'));
    let told = 0;
    channel.onReadable(() => told++);
    expect(told).toBe(1);
  });
});
