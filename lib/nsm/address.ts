/** Numeric addresses as the decisions here see them; the functions are those of every layer. */

export { isLoopback, normaliseAddress } from "../rpc/address.ts";
