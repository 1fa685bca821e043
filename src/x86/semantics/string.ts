import type { Emitter, Int, Width } from '../emitter.ts';
import { type Context, describeString } from '../semantics.ts';
import { GPR, SEG } from '../state.ts';

/** One element each; repetition is the back end's. SDM Vol. 1 §5.1.8 "String Instructions". */

type Form = Context<readonly []>;
type ElementWidth = (context: Form) => Width;
const ofByte: ElementWidth = () => 8;
const ofOperandSize: ElementWidth = ({ width }) => width;

const sourceIndex = ({ e, addressWidth }: Form): Int => e.gpr(GPR.RSI, addressWidth);
const destinationIndex = ({ e, addressWidth }: Form): Int => e.gpr(GPR.RDI, addressWidth);
/** The destination's segment cannot be overridden. */
const destination = (e: Emitter, offset: Int) => e.address(SEG.ES, offset);

const stepOf = ({ e, addressWidth }: Form, width: Width): Int => e.stringStep(addressWidth, width / 8);

const moves = (name: string, widthOf: ElementWidth) =>
  describeString(
    name,
    (form) => {
      const { e } = form;
      const width = widthOf(form);
      const from = sourceIndex(form);
      const to = destinationIndex(form);
      e.store(destination(e, to), e.load(e.dataAddress(from), width));
      const step = stepOf(form, width);
      e.setGpr(GPR.RSI, e.add(from, step));
      e.setGpr(GPR.RDI, e.add(to, step));
    },
    { stopsOnFlag: false },
  );
export const MOVSB = moves('MOVSB', ofByte);
export const MOVS = moves('MOVS', ofOperandSize);

const compares = (name: string, widthOf: ElementWidth) =>
  describeString(
    name,
    (form) => {
      const { e } = form;
      const width = widthOf(form);
      const first = sourceIndex(form);
      const second = destinationIndex(form);
      // Processors read the second operand first, as CR2 shows when both fault.
      const b = e.load(destination(e, second), width);
      const a = e.load(e.dataAddress(first), width);
      const step = stepOf(form, width);
      e.setGpr(GPR.RSI, e.add(first, step));
      e.setGpr(GPR.RDI, e.add(second, step));
      e.setFlags('sub', { a, b, r: e.sub(a, b) });
    },
    { stopsOnFlag: true },
  );
export const CMPSB = compares('CMPSB', ofByte);
export const CMPS = compares('CMPS', ofOperandSize);

const scans = (name: string, widthOf: ElementWidth) =>
  describeString(
    name,
    (form) => {
      const { e } = form;
      const width = widthOf(form);
      const at = destinationIndex(form);
      const b = e.load(destination(e, at), width);
      const a = e.gpr(GPR.RAX, width);
      e.setGpr(GPR.RDI, e.add(at, stepOf(form, width)));
      e.setFlags('sub', { a, b, r: e.sub(a, b) });
    },
    { stopsOnFlag: true },
  );
export const SCASB = scans('SCASB', ofByte);
export const SCAS = scans('SCAS', ofOperandSize);

const loads = (name: string, widthOf: ElementWidth) =>
  describeString(
    name,
    (form) => {
      const { e } = form;
      const width = widthOf(form);
      const from = sourceIndex(form);
      const value = e.load(e.dataAddress(from), width);
      e.setGpr(GPR.RSI, e.add(from, stepOf(form, width)));
      e.setGpr(GPR.RAX, value);
    },
    { stopsOnFlag: false },
  );
export const LODSB = loads('LODSB', ofByte);
export const LODS = loads('LODS', ofOperandSize);

const stores = (name: string, widthOf: ElementWidth) =>
  describeString(
    name,
    (form) => {
      const { e } = form;
      const width = widthOf(form);
      const to = destinationIndex(form);
      e.store(destination(e, to), e.gpr(GPR.RAX, width));
      e.setGpr(GPR.RDI, e.add(to, stepOf(form, width)));
    },
    { stopsOnFlag: false },
  );
export const STOSB = stores('STOSB', ofByte);
export const STOS = stores('STOS', ofOperandSize);
