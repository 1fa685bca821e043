/** The MC146818's time registers as values, and back: data sheet, Table 3 "Time, Calendar, and Alarm Data Modes". */
const REGISTER = {
  SECONDS: 0,
  MINUTES: 2,
  HOURS: 4,
  DAY_OF_WEEK: 6,
  DAY: 7,
  MONTH: 8,
  YEAR: 9,
  CENTURY: 0x32,
} as const;
const ALARM = { SECONDS: 1, MINUTES: 3, HOURS: 5 } as const;
/** Register B: data mode binary, hours 0 to 23. */
const MODE = { BINARY: 1 << 2, HOURS24: 1 << 1 } as const;
const PM = 0x80;
/** An alarm byte from here on matches anything. */
const DONT_CARE = 0xc0;
const DAY_SECONDS = 86_400;

export interface CivilTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly hours: number;
  readonly minutes: number;
  readonly seconds: number;
  /** 1 to 7, Sunday is 1. */
  readonly dayOfWeek: number;
}

export function civilFromSeconds(epochSeconds: number): CivilTime {
  const date = new Date(epochSeconds * 1000);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hours: date.getUTCHours(),
    minutes: date.getUTCMinutes(),
    seconds: date.getUTCSeconds(),
    dayOfWeek: date.getUTCDay() + 1,
  };
}

/** Out-of-range fields carry over; they are what the guest wrote. */
export function secondsFromCivil(time: CivilTime): number {
  const date = new Date(0);
  date.setUTCFullYear(time.year, time.month - 1, time.day);
  date.setUTCHours(time.hours, time.minutes, time.seconds);
  return Math.floor(date.getTime() / 1000);
}

const toBcd = (value: number) => ((Math.floor(value / 10) % 10) << 4) | (value % 10);
const fromBcd = (byte: number) => (byte >> 4) * 10 + (byte & 15);
const encode = (value: number, mode: number) => ((mode & MODE.BINARY) !== 0 ? value : toBcd(value));
const decode = (byte: number, mode: number) => ((mode & MODE.BINARY) !== 0 ? byte : fromBcd(byte));

function encodeHours(hours: number, mode: number): number {
  if ((mode & MODE.HOURS24) !== 0) return encode(hours, mode);
  return encode(hours % 12 === 0 ? 12 : hours % 12, mode) | (hours >= 12 ? PM : 0);
}

function decodeHours(byte: number, mode: number): number {
  if ((mode & MODE.HOURS24) !== 0) return decode(byte, mode);
  return (decode(byte & ~PM, mode) % 12) + ((byte & PM) !== 0 ? 12 : 0);
}

/** Register index to byte, in the data mode that register B says. */
export function encodeTime(time: CivilTime, mode: number): ReadonlyMap<number, number> {
  return new Map([
    [REGISTER.SECONDS, encode(time.seconds, mode)],
    [REGISTER.MINUTES, encode(time.minutes, mode)],
    [REGISTER.HOURS, encodeHours(time.hours, mode)],
    [REGISTER.DAY_OF_WEEK, encode(time.dayOfWeek, mode)],
    [REGISTER.DAY, encode(time.day, mode)],
    [REGISTER.MONTH, encode(time.month, mode)],
    [REGISTER.YEAR, encode(time.year % 100, mode)],
    [REGISTER.CENTURY, encode(Math.floor(time.year / 100), mode)],
  ]);
}

export function decodeTime(ram: readonly number[], mode: number): CivilTime {
  const at = (index: number) => decode(ram[index] ?? 0, mode);
  return {
    year: at(REGISTER.CENTURY) * 100 + at(REGISTER.YEAR),
    month: at(REGISTER.MONTH),
    day: at(REGISTER.DAY),
    hours: decodeHours(ram[REGISTER.HOURS] ?? 0, mode),
    minutes: at(REGISTER.MINUTES),
    seconds: at(REGISTER.SECONDS),
    dayOfWeek: at(REGISTER.DAY_OF_WEEK),
  };
}

/** The first second after `epochSeconds` that the alarm registers match, or null if none ever does. */
export function nextAlarm(epochSeconds: number, ram: readonly number[], mode: number): number | null {
  const field = (index: number, value: (byte: number) => number) => {
    const byte = ram[index] ?? 0;
    return byte >= DONT_CARE ? null : value(byte);
  };
  const hours = field(ALARM.HOURS, (byte) => decodeHours(byte, mode));
  const minutes = field(ALARM.MINUTES, (byte) => decode(byte, mode));
  const seconds = field(ALARM.SECONDS, (byte) => decode(byte, mode));
  const end = epochSeconds + DAY_SECONDS;
  // Each step leaves a whole hour, minute or second behind, so there are at most 24 + 60 + 60 of them.
  for (let second = epochSeconds + 1; second <= end; ) {
    const ofDay = ((second % DAY_SECONDS) + DAY_SECONDS) % DAY_SECONDS;
    if (hours !== null && hours !== Math.floor(ofDay / 3600)) second += 3600 - (ofDay % 3600);
    else if (minutes !== null && minutes !== Math.floor(ofDay / 60) % 60) second += 60 - (ofDay % 60);
    else if (seconds !== null && seconds !== ofDay % 60) second++;
    else return second;
  }
  return null;
}
