import { type ApicMessage, isBroadcast } from './apic-bus.ts';
import type { LapicState } from './lapic-state.ts';

/** In x2APIC mode the logical ID follows from the ID: SDM Vol. 3A §11.12.10.2 "Deriving Logical x2APIC ID". */
export const logicalX2apicId = (id: number) => (((id >>> 4) << 16) | (1 << (id & 15))) >>> 0;

/**
 * Whether a message is for the local APIC: SDM Vol. 3A §11.6.2.1 "Physical Destination Mode" and §11.6.2.2 "Logical
 * Destination Mode". `id` is the 32-bit one; the xAPIC's own is in the state.
 */
export function isDestination(state: LapicState, id: number, message: ApicMessage): boolean {
  if (!state.enabled) return false;
  if (isBroadcast(message)) return true;
  const { destination } = message;
  if (!message.logical) return destination === (state.extended ? id : state.id);
  if (state.extended) {
    const own = logicalX2apicId(id);
    return own >>> 16 === destination >>> 16 && (own & destination & 0xffff) !== 0;
  }
  if (destination > 0xff) return false;
  const own = state.ldr >>> 24;
  const model = state.dfr >>> 28;
  if (model === 0xf) return (own & destination) !== 0;
  // The cluster model: [7:4] cluster, [3:0] members. Other models are undefined, and match nothing.
  return model === 0 && own >> 4 === destination >> 4 && (own & destination & 15) !== 0;
}
