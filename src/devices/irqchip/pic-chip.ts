/** One 8259A. Intel 8259A data sheet (231468): the names are its; the pair of a PC is in pic-8259.ts. */
export interface PicChipState {
  irr: number;
  imr: number;
  isr: number;
  /** Levels on IR0 to IR7. */
  lines: number;
  /** Level-triggered inputs: the chipset's ELCR, one bit an input. */
  elcr: number;
  /** ICW1 LTIM: all inputs are level-triggered. */
  levelTriggered: boolean;
  /** ICW2 [7:3]: the vector of IR0. */
  base: number;
  /** The initialization word expected next on the data port; 0 when initialized. */
  expected: 0 | 2 | 3 | 4;
  single: boolean;
  needsIcw4: boolean;
  autoEoi: boolean;
  specialFullyNested: boolean;
  specialMask: boolean;
  rotateOnAutoEoi: boolean;
  /** The input of lowest priority; the next one has the highest. */
  lowest: number;
  readIsr: boolean;
  poll: boolean;
}

const ICW1 = { IC4: 1 << 0, SNGL: 1 << 1, LTIM: 1 << 3, SELECT: 1 << 4 } as const;
const ICW4 = { AEOI: 1 << 1, SFNM: 1 << 4 } as const;
const OCW3 = { RIS: 1 << 0, RR: 1 << 1, POLL: 1 << 2, SELECT: 1 << 3, SMM: 1 << 5, ESMM: 1 << 6 } as const;
/** IR2 of the master carries the slave. */
export const CASCADE = 2;
/** What the chip answers to an acknowledge whose request went away. */
export const SPURIOUS = 7;
const POLL_REQUEST = 0x80;

/** As firmware hands it over: initialized at `base`, everything masked. */
export const newPicChip = (base: number): PicChipState => ({
  irr: 0,
  imr: 0xff,
  isr: 0,
  lines: 0,
  elcr: 0,
  levelTriggered: false,
  base,
  expected: 0,
  single: false,
  needsIcw4: false,
  autoEoi: false,
  specialFullyNested: false,
  specialMask: false,
  rotateOnAutoEoi: false,
  lowest: 7,
  readIsr: false,
  poll: false,
});

const levelMask = (chip: PicChipState) => (chip.levelTriggered ? 0xff : chip.elcr);

export function setInput(chip: PicChipState, ir: number, level: boolean): void {
  const bit = 1 << ir;
  const rose = level && (chip.lines & bit) === 0;
  chip.lines = level ? chip.lines | bit : chip.lines & ~bit;
  if ((levelMask(chip) & bit) !== 0) chip.irr = level ? chip.irr | bit : chip.irr & ~bit;
  // Deviation: an edge stays requested when its line falls early, since devices here may pulse.
  else if (rose) chip.irr |= bit;
}

/** After a change of ELCR or LTIM, level-triggered inputs request as long as they are high. */
export function followLevels(chip: PicChipState): void {
  chip.irr = (chip.irr & ~levelMask(chip)) | (chip.lines & levelMask(chip));
}

/** The input that INT is raised for, or -1. "Priority Resolver", with special mask and special fully nested modes. */
export function pendingInput(chip: PicChipState, isMaster: boolean): number {
  const requests = chip.irr & ~chip.imr;
  if (requests === 0) return -1;
  const inService = chip.specialMask ? chip.isr & ~chip.imr : chip.isr;
  for (let i = 1; i <= 8; i++) {
    const ir = (chip.lowest + i) & 7;
    const bit = 1 << ir;
    const nests = chip.specialFullyNested && isMaster && ir === CASCADE;
    if ((inService & bit) !== 0 && !nests) return -1;
    if ((requests & bit) !== 0) return ir;
    if ((inService & bit) !== 0) return -1;
  }
  return -1;
}

/** The second INTA pulse for this input. */
export function acknowledgeInput(chip: PicChipState, ir: number): void {
  const bit = 1 << ir;
  if ((levelMask(chip) & bit) === 0) chip.irr &= ~bit;
  if (!chip.autoEoi) chip.isr |= bit;
  else if (chip.rotateOnAutoEoi) chip.lowest = ir;
}

/** The input in service with the highest priority, or -1. */
function highestInService(chip: PicChipState): number {
  const inService = chip.specialMask ? chip.isr & ~chip.imr : chip.isr;
  for (let i = 1; i <= 8; i++) if ((inService & (1 << ((chip.lowest + i) & 7))) !== 0) return (chip.lowest + i) & 7;
  return -1;
}

function endOfInterrupt(chip: PicChipState, ir: number, rotate: boolean): void {
  if (ir < 0) return;
  chip.isr &= ~(1 << ir);
  if (rotate) chip.lowest = ir;
}

/** OCW2 [7:5] R, SL, EOI; the level is [2:0]. Data sheet, Figure 8. */
const OCW2_COMMANDS: readonly ((chip: PicChipState, level: number) => void)[] = [
  (chip) => void (chip.rotateOnAutoEoi = false),
  (chip) => endOfInterrupt(chip, highestInService(chip), false),
  () => {},
  (chip, level) => endOfInterrupt(chip, level, false),
  (chip) => void (chip.rotateOnAutoEoi = true),
  (chip) => endOfInterrupt(chip, highestInService(chip), true),
  (chip, level) => void (chip.lowest = level),
  (chip, level) => endOfInterrupt(chip, level, true),
];

export function writeCommand(chip: PicChipState, value: number): void {
  if ((value & ICW1.SELECT) !== 0) initialize(chip, value);
  else if ((value & OCW3.SELECT) !== 0) writeOcw3(chip, value);
  else OCW2_COMMANDS[value >> 5]?.(chip, value & 7);
}

/** ICW1 clears the mask, the requests by edge, and every mode. */
function initialize(chip: PicChipState, icw1: number): void {
  Object.assign(chip, {
    ...newPicChip(chip.base),
    imr: 0,
    lines: chip.lines,
    elcr: chip.elcr,
    levelTriggered: (icw1 & ICW1.LTIM) !== 0,
    single: (icw1 & ICW1.SNGL) !== 0,
    needsIcw4: (icw1 & ICW1.IC4) !== 0,
    expected: 2,
  });
  followLevels(chip);
}

function writeOcw3(chip: PicChipState, value: number): void {
  if ((value & OCW3.POLL) !== 0) chip.poll = true;
  if ((value & OCW3.RR) !== 0) chip.readIsr = (value & OCW3.RIS) !== 0;
  if ((value & OCW3.ESMM) !== 0) chip.specialMask = (value & OCW3.SMM) !== 0;
}

export function writeData(chip: PicChipState, value: number): void {
  switch (chip.expected) {
    case 0:
      chip.imr = value;
      return;
    case 2:
      chip.base = value & 0xf8;
      chip.expected = chip.single ? (chip.needsIcw4 ? 4 : 0) : 3;
      return;
    case 3:
      // On a PC the wiring of the cascade is fixed.
      chip.expected = chip.needsIcw4 ? 4 : 0;
      return;
    case 4:
      chip.autoEoi = (value & ICW4.AEOI) !== 0;
      chip.specialFullyNested = (value & ICW4.SFNM) !== 0;
      chip.expected = 0;
  }
}

/** A read after a poll command acknowledges, from either port. */
export function readPort(chip: PicChipState, isData: boolean, isMaster: boolean): number {
  if (chip.poll) {
    chip.poll = false;
    const ir = pendingInput(chip, isMaster);
    if (ir < 0) return 0;
    acknowledgeInput(chip, ir);
    return POLL_REQUEST | ir;
  }
  if (isData) return chip.imr;
  return chip.readIsr ? chip.isr : chip.irr;
}
