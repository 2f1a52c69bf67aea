/**
 * Call messages for program 100024, and replies as text. Both are written out by hand: black-box
 * tests must be able to break every rule of the protocol, and must not share bugs with the code
 * under test.
 *
 * Source: RFC 5531 section 9; XNFS chapter 11.
 */

type Bytes = Uint8Array<ArrayBuffer>;

/** Default xid of a call. */
export const XID = 0x5eed0001;
/** xid of a fence: a call sent after another one, to show that the other has no reply. */
export const FENCE_XID = 0x5eed0002;

/** A 32-bit word. */
export function word(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}

/** XDR string, one character per byte, with length and padding. */
export function text(value: string): string {
  const digits = Array.from(value, (char) => char.charCodeAt(0).toString(16).padStart(2, "0"));
  while (digits.length % 4 !== 0) digits.push("00");
  return word(value.length) + digits.join("");
}

/** Parts of a call; defaults are valid. Arguments are hex digits. */
export interface Call {
  readonly procedure: number;
  readonly args?: string;
  readonly xid?: number;
  readonly messageType?: number;
  readonly rpcVersion?: number;
  readonly program?: number;
  readonly version?: number;
  /** Flavour, and body with its length word. */
  readonly credential?: readonly [number, string];
}

const NO_BODY = word(0);

/** Call message. */
export function message(call: Call): Bytes {
  const { procedure, args = "", xid = XID, messageType = 0, rpcVersion = 2 } = call;
  const { program = 100024, version = 1, credential: [flavour, body] = [0, NO_BODY] } = call;
  const numbers = [xid, messageType, rpcVersion, program, version, procedure, flavour];
  return Uint8Array.fromHex(numbers.map(word).join("") + body + word(0) + NO_BODY + args);
}

/** Record of one fragment. */
export function record(call: Bytes): Bytes {
  return Uint8Array.fromHex(word(0x80000000 | call.length) + call.toHex());
}

/** Registration; defaults are those of the kernel's lock manager. */
export interface Registered {
  readonly monName: string;
  readonly myName?: string;
  readonly program?: number;
  readonly version?: number;
  readonly procedure?: number;
  /** 16 bytes as hex digits. */
  readonly priv?: string;
}

export const PRIV = "000102030405060708090a0b0c0d0e0f";
export const OTHER_PRIV = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
export const MY_NAME = "thishost";

/** `struct my_id` */
function myId(
  { myName = MY_NAME, program = 100021, version = 3, procedure = 16 }: Partial<Registered>,
) {
  return text(myName) + word(program) + word(version) + word(procedure);
}

export const nullCall: Call = { procedure: 0 };
export const fence: Call = { procedure: 0, xid: FENCE_XID };
export const stat = (name: string): Call => ({ procedure: 1, args: text(name) });
export const mon = (registered: Registered): Call => ({
  procedure: 2,
  args: text(registered.monName) + myId(registered) + (registered.priv ?? PRIV),
});
export const unmon = (registered: Registered): Call => ({
  procedure: 3,
  args: text(registered.monName) + myId(registered),
});
export const unmonAll = (requester: Omit<Registered, "monName"> = {}): Call => ({
  procedure: 4,
  args: myId(requester),
});
export const simuCrash: Call = { procedure: 5 };
export const notify = (name: string, state: number): Call => ({
  procedure: 6,
  args: text(name) + word(state),
});

const ACCEPTED = word(1) + word(0) + word(0) + word(0);
const DENIED = word(1) + word(1);
const STATUS = ["SUCCESS", "PROG_UNAVAIL", "PROG_MISMATCH", "PROC_UNAVAIL", "GARBAGE_ARGS"];

/** Complete text of a reply message, without the xid. */
export function describe(reply: Uint8Array): string {
  const body = reply.subarray(4).toHex();
  const words = (digits: string) =>
    (digits.match(/.{1,8}/g) ?? []).map((each) => ` ${each}`).join("");
  if (body.startsWith(ACCEPTED)) {
    const status = parseInt(body.slice(ACCEPTED.length, ACCEPTED.length + 8), 16);
    return (STATUS[status] ?? `status ${status}`) + words(body.slice(ACCEPTED.length + 8));
  }
  if (body.startsWith(DENIED + word(0))) {
    return `RPC_MISMATCH${words(body.slice(DENIED.length + 8))}`;
  }
  if (body.startsWith(DENIED + word(1))) return `AUTH_ERROR${words(body.slice(DENIED.length + 8))}`;
  return `a reply of${words(body)}`;
}
