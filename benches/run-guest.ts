// Boots one guest for a bench, with its console on stdout and, after each marker, the instructions retired so far.
import { type ExitReason, VirtualMachine } from '../src/sdk/node.ts';
import type { Guest } from './harness/monitors.ts';

const guest: Guest = JSON.parse(process.argv[2] ?? '{}');
const vm = await VirtualMachine.create({
  kernel: guest.kernel,
  ...(guest.initrd === undefined ? {} : { initrd: guest.initrd }),
  ...(guest.append === undefined ? {} : { append: guest.append }),
  memory: `${guest.memoryMib}M`,
  devices: ['isa-debug-exit'],
});
vm.start();
let wasMarker = false;
let atLineStart = true;
for await (const bytes of vm.console) {
  let text = '';
  for (const character of Buffer.from(bytes).toString('latin1')) {
    if (atLineStart) wasMarker = character === '@' || character === '.';
    atLineStart = character === '\n';
    text += character;
    if (atLineStart && wasMarker) text += `#${vm.info().instructions}\n`;
  }
  process.stdout.write(text, 'latin1');
}
const reason: ExitReason = await vm.wait();
process.exit(reason.kind === 'debug-exit' || reason.kind === 'poweroff' ? 0 : 1);
