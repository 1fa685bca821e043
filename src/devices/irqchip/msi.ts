import { type ApicMessage, DELIVERY } from './apic-bus.ts';

/** Message address: [31:20] 0xfee  [19:12] destination  [3] redirection hint  [2] logical */
const ADDRESS = { PREFIX: 0xfee, DESTINATION_SHIFT: 12, HINT: 1 << 3, LOGICAL: 1 << 2 } as const;
/** Message data: [15] level-triggered  [14] assert  [10:8] delivery mode  [7:0] vector */
const DATA = { VECTOR: 0xff, DELIVERY_SHIFT: 8, ASSERT: 1 << 14, LEVEL: 1 << 15 } as const;

/** SDM Vol. 3A §11.11 "Message Signalled Interrupts"; undefined if it is none, or the de-assertion of a level. */
export function decodeMsi(gpa: number, data: number): ApicMessage | undefined {
  if (gpa < 0 || Math.floor(gpa / 2 ** 20) !== ADDRESS.PREFIX) return undefined;
  const level = (data & DATA.LEVEL) !== 0;
  if (level && (data & DATA.ASSERT) === 0) return undefined;
  const logical = (gpa & ADDRESS.LOGICAL) !== 0;
  const deliveryMode = (data >> DATA.DELIVERY_SHIFT) & 7;
  // A redirection hint with logical destinations asks for one of them.
  const hinted = logical && (gpa & ADDRESS.HINT) !== 0 && deliveryMode === DELIVERY.FIXED;
  return {
    vector: data & DATA.VECTOR,
    deliveryMode: hinted ? DELIVERY.LOWEST : deliveryMode,
    destination: (gpa >>> ADDRESS.DESTINATION_SHIFT) & 0xff,
    logical,
    level,
  };
}
