/**
 * Resolver on the C library's name service: look-ups are limited by a semaphore and coalesced, and
 * answers are validated and cached.
 *
 * Source: getaddrinfo(3), getnameinfo(3); RFC 1123 section 2.1 and RFC 1035 section 2.3.4 (host
 * names).
 */

import { NUMERIC_END } from "./resolver_rules.ts";
import type { HostAddresses, Lookup, Resolver } from "../nsm/ports.ts";
import { messageOf } from "../reason.ts";
import { normaliseAddress } from "../rpc/address.ts";
import { ExpiringCache } from "./expiring_cache.ts";
import { LookupSlots } from "./lookup_slots.ts";
import type { Clock } from "../time/clock.ts";

/** Functions of the C library; `code` is 0 or an EAI_* number. */
export interface NameFunctions {
  addressesOfName(
    name: string,
  ): Promise<{ code: number; canonicalName?: string; addresses?: string[] }>;
  nameOfAddress(address: string): Promise<{ code: number; name?: string }>;
}

/** Limits of the resolver; tests set their own, the program uses {@link RESOLVER_LIMITS}. */
export interface ResolverLimits {
  readonly slots: number;
  readonly lineMax: number;
  readonly timeLimitMs: number;
  readonly cacheMax: number;
  readonly foundMs: number;
  readonly notFoundMs: number;
  readonly tryLaterMs: number;
}

const RESOLVER_LIMITS: ResolverLimits = {
  /**
   * Concurrent look-ups. Each holds one of Deno's 32 blocking threads; half of them stay free even
   * when no name server answers.
   */
  slots: 16,
  /**
   * Queue length: the number of look-ups that the slots serve within the timeout, at 100 ms each.
   */
  lineMax: 1_024,
  /** Timeout of an answer, in ms: longer than the 5 s after which the C library asks a second server. */
  timeLimitMs: 8_000,
  /** Cached answers, of about 500 bytes each. Two for each of 4,096 monitored hosts. */
  cacheMax: 8_192,
  /**
   * Time to live of an answer, in ms. The C library reports no TTL; a moved host is found within a
   * minute.
   */
  foundMs: 60_000,
  /** Time to live of "no such name", in ms: an administrator may be about to add it. */
  notFoundMs: 10_000,
  /** Time to live of a failure, in ms: keeps a flood of questions off a name server that is down. */
  tryLaterMs: 2_000,
};

/** Limits for judging callers by name: half of the remaining threads. The caller bounds the queue. */
export const ACCESS_LIMITS: Partial<ResolverLimits> = { slots: 8, lineMax: 64, cacheMax: 2_048 };

/** EAI_* failures by number, and whether each is an answer. Source: netdb.h of glibc. */
const FAILURES: Readonly<Record<number, { readonly text: string; readonly isAnswer: boolean }>> = {
  [-2]: { text: "no such host or record (EAI_NONAME)", isAnswer: true },
  [-3]: { text: "the name server does not answer or is overloaded (EAI_AGAIN)", isAnswer: false },
  [-4]: { text: "the name server refuses or fails (EAI_FAIL)", isAnswer: false },
  [-5]: { text: "the name has no address (EAI_NODATA)", isAnswer: true },
  [-9]: { text: "the name has no address of a known family (EAI_ADDRFAMILY)", isAnswer: true },
  [-10]: { text: "out of memory (EAI_MEMORY)", isAnswer: false },
  [-11]: { text: "a system error (EAI_SYSTEM)", isAnswer: false },
  [-12]: { text: "the name is too long (EAI_OVERFLOW)", isAnswer: true },
};

/** Names that may be looked up: no hosts file has other characters, and a NUL would truncate a name. */
const ASKABLE = /^[\x21-\x7e]{1,255}$/;
/**
 * Host names accepted in an answer, which any name server may have sent, and which ends up in file
 * names, logs and arguments. The underscore is not allowed in host names, but occurs.
 */
const HOST_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$/;

/** Whether a text is a host name, and cannot be parsed as an address. */
function isHostName(name: string): boolean {
  return HOST_NAME.test(name) && !NUMERIC_END.test(name);
}

function notFound(reason: string): Lookup<never> {
  return { outcome: "notFound", reason };
}

function tryLater(reason: string): Lookup<never> {
  return { outcome: "tryLater", reason };
}

function failed(code: number): Lookup<never> {
  const failure = FAILURES[code];
  if (failure === undefined) return tryLater(`the look-up failed with code ${code}`);
  return failure.isAnswer ? notFound(failure.text) : tryLater(failure.text);
}

/** Look-up running or queued. */
interface Running<T> {
  readonly answer: Promise<Lookup<T>>;
  askers: number;
}

/** Look-ups of one kind, with their cache. */
class Questions<T> {
  readonly #cache: ExpiringCache<Lookup<T>>;
  readonly #running = new Map<string, Running<T>>();

  constructor(
    readonly find: (key: string) => Promise<Lookup<T>>,
    readonly slots: LookupSlots,
    readonly clock: Clock,
    readonly limits: ResolverLimits,
  ) {
    this.#cache = new ExpiringCache(limits.cacheMax / 2);
  }

  ask(key: string): Promise<Lookup<T>> {
    const known = this.#cache.get(key, this.clock.now());
    if (known !== undefined) return Promise.resolve(known);
    const running = this.#running.get(key) ?? this.#begin(key);
    if (running === undefined) return Promise.resolve(tryLater("too many look-ups are waiting"));
    return this.#inTime(running);
  }

  #begin(key: string): Running<T> | undefined {
    if (this.slots.isFull) return undefined;
    const running: Running<T> = { answer: this.#look(key, () => running.askers > 0), askers: 0 };
    this.#running.set(key, running);
    return running;
  }

  async #look(key: string, isWanted: () => boolean): Promise<Lookup<T>> {
    const slotted = await this.slots.run(async () => {
      try {
        return await this.find(key);
      } catch (error) {
        return tryLater(`the look-up failed: ${messageOf(error)}`);
      }
    }, isWanted);
    this.#running.delete(key);
    if (!slotted.isRun) return tryLater("the look-up was abandoned: no caller was waiting for it");
    const lifeMs = this.limits[`${slotted.value.outcome}Ms`];
    this.#cache.set(key, slotted.value, this.clock.now() + lifeMs);
    return slotted.value;
  }

  /** Awaits an answer up to the timeout; a late answer is still cached. */
  #inTime(running: Running<T>): Promise<Lookup<T>> {
    const { timeLimitMs } = this.limits;
    running.askers++;
    return new Promise((resolve) => {
      const cancel = this.clock.startTimer(timeLimitMs, () => {
        running.askers--;
        resolve(tryLater(`no answer in ${timeLimitMs} ms`));
      });
      running.answer.then((answer) => {
        cancel();
        resolve(answer);
      });
    });
  }
}

/** Makes the resolver of this host. */
export function hostResolver(
  functions: NameFunctions,
  clock: Clock,
  changes: Partial<ResolverLimits> = {},
): Resolver {
  const limits = { ...RESOLVER_LIMITS, ...changes };
  const slots = new LookupSlots(limits.slots, limits.lineMax);
  const names = new Questions((name) => findAddresses(functions, name), slots, clock, limits);
  const addresses = new Questions((address) => findName(functions, address), slots, clock, limits);
  return {
    addressesOf: (name) => {
      const address = normaliseAddress(name);
      if (address !== undefined) {
        const value = { canonicalName: address, addresses: [address] };
        return Promise.resolve({ outcome: "found", value });
      }
      if (ASKABLE.test(name)) return names.ask(name.toLowerCase());
      return Promise.resolve(notFound("it has characters that no host name has, or too many"));
    },
    nameOf: (text) => {
      const address = normaliseAddress(text);
      if (address !== undefined) return addresses.ask(address);
      return Promise.resolve(notFound("it is not a numeric address"));
    },
  };
}

async function findAddresses(
  functions: NameFunctions,
  name: string,
): Promise<Lookup<HostAddresses>> {
  const { code, canonicalName = name, addresses = [] } = await functions.addressesOfName(name);
  if (code !== 0) return failed(code);
  if (canonicalName !== name && !isHostName(canonicalName)) {
    return notFound("its official name is not a host name");
  }
  const normal = addresses.map(normaliseAddress).filter((address) => address !== undefined);
  if (normal.length === 0) return notFound("the name has no address");
  return { outcome: "found", value: { canonicalName, addresses: [...new Set(normal)] } };
}

async function findName(functions: NameFunctions, address: string): Promise<Lookup<string>> {
  const { code, name } = await functions.nameOfAddress(address);
  if (code !== 0) return failed(code);
  if (name === undefined) return notFound("the address has no name");
  if (!isHostName(name)) return notFound("the name of the address is not a host name");
  return { outcome: "found", value: name };
}
