/** Delivery modes of ICR, LVT, redirection entries and MSI data: SDM Vol. 3A §11.6.1 "Interrupt Command Register (ICR)". */
export const DELIVERY = { FIXED: 0, LOWEST: 1, SMI: 2, NMI: 4, INIT: 5, STARTUP: 6, EXTINT: 7 } as const;

/** Destination shorthands of the ICR. */
export const SHORTHAND = { NONE: 0, SELF: 1, ALL: 2, OTHERS: 3 } as const;

export interface ApicMessage {
  readonly vector: number;
  readonly deliveryMode: number;
  readonly destination: number;
  readonly logical: boolean;
  /** Level-triggered: its EOI is broadcast. */
  readonly level: boolean;
  /** `destination` is an x2APIC's 32 bits, not 8. */
  readonly wide?: boolean;
}

/** A local APIC as the bus sees it. */
export interface ApicBusMember {
  matches(message: ApicMessage): boolean;
  /** False if it takes nothing now: hardware- or software-disabled, or an illegal vector. */
  accept(message: ApicMessage): boolean;
  /** It can take a lowest-priority message. */
  canArbitrate(): boolean;
  processorPriority(): number;
}

/** An I/O APIC as the bus sees it. */
export interface EoiListener {
  endOfInterrupt(vector: number): void;
  /** A local APIC started to take messages: those it refused may be sent again. */
  retry(): void;
}

const BROADCAST = 0xff;
const WIDE_BROADCAST = 0xffff_ffff;

/** Whether the destination is everyone: SDM Vol. 3A §11.6.2 "Determining IPI Destination". */
export const isBroadcast = (message: ApicMessage) =>
  message.destination === (message.wide === true ? WIDE_BROADCAST : BROADCAST);

/** The bus between local and I/O APICs: finds the destinations of a message. */
export class ApicBus {
  readonly #members: ApicBusMember[] = [];
  readonly #listeners: EoiListener[] = [];
  /** Who got the last lowest-priority message; among equals the next one in turn gets it. */
  #lastArbitrated = -1;

  attach(member: ApicBusMember): void {
    this.#members.push(member);
  }

  listen(listener: EoiListener): void {
    this.#listeners.push(listener);
  }

  /** True if some local APIC accepted. */
  deliver(message: ApicMessage): boolean {
    const destinations = this.#members.filter((member) => member.matches(message));
    return this.#deliverTo(destinations, message);
  }

  /** An interprocessor interrupt, whose shorthand counts before its destination. */
  send(message: ApicMessage, shorthand: number, source: ApicBusMember): void {
    if (shorthand === SHORTHAND.NONE) this.deliver(message);
    else if (shorthand === SHORTHAND.SELF) source.accept(message);
    else {
      const others = shorthand === SHORTHAND.OTHERS;
      this.#deliverTo(others ? this.#members.filter((member) => member !== source) : this.#members, message);
    }
  }

  broadcastEoi(vector: number): void {
    for (const listener of this.#listeners) listener.endOfInterrupt(vector);
  }

  retry(): void {
    for (const listener of this.#listeners) listener.retry();
  }

  #deliverTo(destinations: readonly ApicBusMember[], message: ApicMessage): boolean {
    if (message.deliveryMode === DELIVERY.LOWEST) return this.#arbitrate(destinations)?.accept(message) ?? false;
    let accepted = false;
    for (const member of destinations) accepted = member.accept(message) || accepted;
    return accepted;
  }

  /** SDM Vol. 3A §11.6.2.4 "Lowest Priority Delivery Mode". */
  #arbitrate(destinations: readonly ApicBusMember[]): ApicBusMember | undefined {
    let chosen: ApicBusMember | undefined;
    let best = Number.POSITIVE_INFINITY;
    const count = this.#members.length;
    for (let i = 1; i <= count; i++) {
      const index = (this.#lastArbitrated + i) % count;
      const member = this.#members[index];
      if (member === undefined || !destinations.includes(member) || !member.canArbitrate()) continue;
      const priority = member.processorPriority();
      if (priority >= best) continue;
      best = priority;
      chosen = member;
    }
    if (chosen !== undefined) this.#lastArbitrated = this.#members.indexOf(chosen);
    return chosen;
  }
}
