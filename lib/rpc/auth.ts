/**
 * Credentials and verifiers. Calls may use AUTH_NONE and AUTH_SYS; their claims are checked for
 * form, and never believed. Replies and our own calls use AUTH_NONE.
 *
 * Source: RFC 5531 sections 8.2 and 14, appendix A.
 */

import { struct } from "../xdr/struct.ts";
import {
  int,
  nothing,
  type Static,
  string,
  uint,
  varArray,
  varOpaque,
  type XdrType,
} from "../xdr/types.ts";

export const AUTH_NONE = 0;
export const AUTH_SYS = 1;

/** Longest body of a credential or verifier, in bytes (section 8.2). */
const AUTH_BODY_MAX_BYTES = 400;
/** Longest machine name in an AUTH_SYS body, in bytes (appendix A). */
const MACHINE_NAME_MAX_BYTES = 255;
/** Most supplementary groups in an AUTH_SYS body (appendix A). */
const GIDS_MAX = 16;

/** `struct opaque_auth { auth_flavor flavor; opaque body<400>; }` */
export const opaque_auth = struct("opaque_auth", {
  flavor: int,
  body: varOpaque(AUTH_BODY_MAX_BYTES),
});
export type OpaqueAuth = Static<typeof opaque_auth>;

/** `struct authsys_parms { stamp; machinename<255>; uid; gid; gids<16>; }` */
export const authsys_parms = struct("authsys_parms", {
  stamp: uint,
  machinename: string(MACHINE_NAME_MAX_BYTES),
  uid: uint,
  gid: uint,
  gids: varArray(uint, GIDS_MAX),
});

/** Credential and verifier of our own messages. */
export const authNone: OpaqueAuth = { flavor: AUTH_NONE, body: new Uint8Array(0) };

/** Body type of each accepted flavour; other flavours are rejected. */
export const acceptedCredentials = new Map<number, XdrType<unknown>>([
  [AUTH_NONE, nothing],
  [AUTH_SYS, authsys_parms],
]);
