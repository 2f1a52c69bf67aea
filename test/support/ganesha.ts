/**
 * NFS-Ganesha of an unpacked Debian package in a host, with an export in memory; and a client that locks a
 * file of it. Messages are written out by hand.
 *
 * Source: RFC 1813, NFS version 3, appendices I (MOUNT) and II (NLM version 4); RFC 5531, AUTH_SYS.
 */

import type { Agent } from "./agent_client.ts";
import type { BackgroundProgram } from "./background_program.ts";
import { SERVERS } from "./layered_usr.ts";
import type { TestHost } from "./namespace.ts";
import { type Call, message, record, text, word } from "./nsm_calls.ts";

export const GANESHA = `${SERVERS}/usr/bin/ganesha.nfsd`;
const [NFS_PORT, MOUNT_PORT, NLM_PORT] = [2049, 20048, 32803];
const PATH = "/x";
const LOCALHOST = "127.0.0.1";

/** Directory of the packages' libraries. */
function libraries(): string {
  const folders = [...Deno.readDirSync(`${SERVERS}/usr/lib`)];
  return `${SERVERS}/usr/lib/${folders.find(({ name }) => name.endsWith("-linux-gnu"))!.name}`;
}

/** Environment that ganesha and its tools need. */
export function ganeshaEnvironment(): string {
  return `LD_LIBRARY_PATH=${libraries()}:${SERVERS}/usr/lib/ganesha`;
}

/** Exports a directory in memory, by NFS version 3 with locking and quotas. */
export function ganeshaConfig(): string {
  return `
NFS_CORE_PARAM {
  Protocols = 3; Plugins_Dir = "${libraries()}/ganesha"; Enable_RQUOTA = true;
  NFS_Port = ${NFS_PORT}; MNT_Port = ${MOUNT_PORT}; NLM_Port = ${NLM_PORT}; Rquota_Port = 875;
}
NFSv4 { Graceless = true; RecoveryBackend = fs; }
EXPORT {
  Export_Id = 1; Path = ${PATH}; Pseudo = ${PATH}; Access_Type = RW; Squash = No_Root_Squash;
  Protocols = 3; FSAL { Name = MEM; }
}
`;
}

/** Starts ganesha with the configuration in /etc/ganesha.conf. */
export function startGanesha(host: TestHost): BackgroundProgram {
  const files = ["-f", "/etc/ganesha.conf", "-p", "/run/ganesha.pid", "-L", "STDERR"];
  return host.start("env", ganeshaEnvironment(), GANESHA, "-F", ...files);
}

/** Root by AUTH_SYS, without further groups. */
const ROOT: NonNullable<Call["credential"]> = [
  1,
  word(24) + word(0) + text("lab") + word(0) + word(0) + word(0),
];
/** Words of a reply before its results: xid, REPLY, MSG_ACCEPTED, AUTH_NONE of no length, SUCCESS. */
const REPLY_WORDS = 6;
const OK = word(0);

/** Results of a call, in hexadecimal. */
async function results(
  agent: Agent,
  port: number,
  call: Call,
  from = LOCALHOST,
): Promise<string> {
  const bytes = record(message({ ...call, credential: ROOT }));
  const to = { address: LOCALHOST, port };
  const { records: [reply] } = await agent.stream([bytes], 1, to, { address: from });
  if (reply === undefined) throw new Error("ganesha has closed the connection");
  return reply.toHex().slice(8 * REPLY_WORDS);
}

/** Opaque value at a word of results, with its length word. */
function opaqueAt(hex: string, at: number): string {
  const bytes = parseInt(hex.slice(8 * at, 8 * (at + 1)), 16);
  return hex.slice(8 * at, 8 * (at + 1 + Math.ceil(bytes / 4)));
}

/** Creates a file in the export; returns its handle. */
export async function createFile(agent: Agent, name: string): Promise<string> {
  const mount = { program: 100005, version: 3, procedure: 1, args: text(PATH) };
  const root = await results(agent, MOUNT_PORT, mount);
  if (!root.startsWith(OK)) throw new Error(`MNT: ${root}`);
  // UNCHECKED, and a set of attributes with the mode alone.
  const attributes = word(0) + word(1) + word(0o644) + word(0).repeat(5);
  const args = opaqueAt(root, 1) + text(name) + attributes;
  const made = await results(agent, NFS_PORT, { program: 100003, version: 3, procedure: 8, args });
  if (!made.startsWith(OK + word(1))) throw new Error(`CREATE: ${made}`);
  return opaqueAt(made, 2);
}

/** Status of a lock (`nlm4_stats`). */
export const LOCK = { GRANTED: 0, DENIED_NOLOCKS: 2 } as const;

/** Locks a byte of a file for a client, which ganesha knows by its address; returns the status. */
export async function lock(
  agent: Agent,
  handle: string,
  client: string,
  byte: number,
): Promise<number> {
  const range = word(0) + word(byte) + word(0) + word(1);
  const what = text(client) + handle + text(client) + word(1) + range;
  const args = text("cook") + word(0) + word(1) + what + word(0) + word(1);
  const call = { program: 100021, version: 4, procedure: 2, args };
  const cookieWords = 2;
  const reply = await results(agent, NLM_PORT, call, client);
  return parseInt(reply.slice(8 * cookieWords, 8 * (cookieWords + 1)), 16);
}
