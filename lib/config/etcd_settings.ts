/**
 * Section `[etcd]` of nfs.conf: access to the cluster that holds ledgers.
 *
 * ```
 * [etcd]
 * endpoints = https://e1:2379, https://e2:2379
 * prefix = /nsm
 * user = nsm
 * password-file = /etc/nsm/etcd.password
 * ca-file, cert-file, key-file = /etc/nsm/…
 * timeout-ms = 1500
 * ```
 */

import { quote } from "../quote.ts";
import { type Environment, lookUp, readNfsConf } from "./ini_file.ts";
import type { WrittenSetting } from "./identity_sections.ts";
import { didYouMean } from "./nearest.ts";
import type { ReadFiles } from "./read_files.ts";

/** Parsed section. */
export interface EtcdConfig {
  /** `http://HOST:PORT` or `https://HOST:PORT`. */
  readonly endpoints: readonly string[];
  /** Key prefix, without a trailing slash. */
  readonly prefix: string;
  readonly user?: string;
  readonly passwordFile?: string;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly timeoutMs: number;
}

const SECTION = "etcd";
/** Keys of the section. */
export const ETCD_KEYS = [
  "endpoints",
  "prefix",
  "user",
  "password-file",
  "ca-file",
  "cert-file",
  "key-file",
  "timeout-ms",
] as const;
type Texts = Partial<Record<typeof ETCD_KEYS[number], string>>;

const PREFIX = "/nsm";
/** Default timeout, in ms: nfs-ganesha gives up after 3 s, and has to wait for this call. */
const TIMEOUT_MS = 1_500;
const TIMEOUT_MIN_MS = 100;
const TIMEOUT_MAX_MS = 10_000;
const ENDPOINTS_MAX = 16;

/** Settings of the section as written, by key. */
export function etcdSection(env: Environment, files: ReadFiles): Map<string, WrittenSetting> {
  const conf = readNfsConf(files);
  const found = new Map<string, WrittenSetting>();
  for (const { section, arg, key } of conf.assignments) {
    if (section !== SECTION || arg !== undefined) continue;
    const last = lookUp(
      conf,
      env,
      (at) => at.section === SECTION && at.arg === undefined && at.key === key,
    );
    if (last !== undefined) found.set(key, last);
  }
  return found;
}

/**
 * Parses the section; undefined if there is none.
 *
 * @throws {Error} When a value is invalid: one line with the place.
 */
export function etcdConfig(env: Environment, files: ReadFiles): EtcdConfig | undefined {
  const texts: Texts = {};
  for (const [key, { value, source }] of etcdSection(env, files)) {
    const known = ETCD_KEYS.find((name) => name === key);
    if (known === undefined) {
      const advice = didYouMean(key, ETCD_KEYS);
      throw new Error(`${source}: ${quote(key)} is not an etcd setting${advice}`);
    }
    texts[known] = value;
  }
  return Object.keys(texts).length === 0 ? undefined : configOf(texts);
}

function configOf(texts: Texts): EtcdConfig {
  const { user } = texts;
  const passwordFile = fileOf(texts, "password-file");
  const certFile = fileOf(texts, "cert-file");
  const keyFile = fileOf(texts, "key-file");
  const caFile = fileOf(texts, "ca-file");
  if ((user === undefined) !== (passwordFile === undefined)) {
    throw new Error("nfs.conf [etcd]: user and password-file must be set together");
  }
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new Error("nfs.conf [etcd]: cert-file and key-file must be set together");
  }
  return {
    endpoints: endpointsOf(texts.endpoints),
    prefix: prefixOf(texts.prefix ?? PREFIX),
    timeoutMs: timeoutOf(texts["timeout-ms"]),
    ...(user === undefined ? {} : { user }),
    ...(passwordFile === undefined ? {} : { passwordFile }),
    ...(caFile === undefined ? {} : { caFile }),
    ...(certFile === undefined ? {} : { certFile }),
    ...(keyFile === undefined ? {} : { keyFile }),
  };
}

function endpointsOf(text = ""): string[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== "");
  if (words.length === 0 || words.length > ENDPOINTS_MAX) {
    throw new Error(`nfs.conf [etcd]: endpoints are 1 to ${ENDPOINTS_MAX}, as http://HOST:2379`);
  }
  return [...new Set(words.map(endpointOf))];
}

function endpointOf(word: string): string {
  const url = URL.parse(word);
  const isPlain = url !== null && /^https?:$/.test(url.protocol) && url.username === "" &&
    url.pathname === "/" && url.search === "" && url.hash === "";
  if (isPlain) return url.origin;
  throw new Error(`nfs.conf [etcd]: endpoint ${quote(word)} is not as https://HOST:2379`);
}

function prefixOf(text: string): string {
  const prefix = text.replace(/\/+$/, "");
  if (/^\/[\x21-\x7e]+$/.test(prefix)) return prefix;
  throw new Error(`nfs.conf [etcd]: prefix ${quote(text)} is not as /nsm`);
}

function fileOf(texts: Texts, key: keyof Texts): string | undefined {
  const path = texts[key];
  if (path === undefined || path.startsWith("/")) return path;
  throw new Error(`nfs.conf [etcd]: ${key} is an absolute path, not ${quote(path)}`);
}

function timeoutOf(text: string | undefined): number {
  if (text === undefined) return TIMEOUT_MS;
  const ms = Number(text);
  if (/^\d+$/.test(text) && ms >= TIMEOUT_MIN_MS && ms <= TIMEOUT_MAX_MS) return ms;
  throw new Error(
    `nfs.conf [etcd]: timeout-ms is ${TIMEOUT_MIN_MS} to ${TIMEOUT_MAX_MS}, not ${quote(text)}`,
  );
}
